"""What ``import saccade`` gives of gates and models."""

from __future__ import annotations

import subprocess
import sys


def in_a_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_gates_and_models_are_there_after_importing_saccade() -> None:
    code = "import saccade; print(callable(saccade.models.create), 'das' in saccade.gates.list_gates())"
    assert in_a_new_process(code) == "True True"


def test_importing_saccade_does_not_load_timm() -> None:
    assert in_a_new_process("import saccade, sys; print('timm' in sys.modules)") == "False"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert in_a_new_process("import saccade; print(hasattr(saccade, 'gate'))") == "False"
