import json
from pathlib import Path

import torch

from saccade.measure import Environment
from saccade.measure.environment import instruction_sets, processor


def test_an_environment_says_machine_date_versions_threads_and_command() -> None:
    fields = Environment.here(2, "saccade bench network", ["no-such-package"]).to_dict()
    assert fields["machine"]
    assert fields["cores"] >= 1
    assert fields["threads"] == 2
    assert fields["date"].endswith("+00:00")
    assert fields["command"] == "saccade bench network"
    assert fields["versions"]["torch"].startswith(torch.__version__.partition("+")[0])
    assert "no-such-package" not in fields["versions"]
    json.dumps(fields)


def test_the_processor_is_read_from_its_description(tmp_path: Path) -> None:
    description = tmp_path / "cpuinfo"
    description.write_text(
        "model name\t: Some CPU\ncpu family\t: 25\nmodel\t: 17\nflags\t: fpu avx2 avx512f\n\nmodel name: Other\n"
    )
    assert processor(description) == "Some CPU (family 25, model 17)"
    assert instruction_sets(description) == ("AVX2", "AVX-512")


def test_a_missing_description_is_no_error(tmp_path: Path) -> None:
    assert processor(tmp_path / "none")
    assert instruction_sets(tmp_path / "none") == ()
