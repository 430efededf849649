import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import saccade
from saccade.cli.bench import app
from saccade.cli.bench.options import parse_peers, parse_shares
from saccade.errors import RegistryError, SinkError

TINY = ["--model", "torchvision:squeezenet1_1", "--size", "32x48", "--peers", "eager"]


class Stream:
    """Stands in for the engine: dense every time."""

    def __init__(self, model: nn.Module, policy: str = "exact", threads: int | None = None) -> None:
        self.model = model
        self.activities: list[tuple[float, int]] = []

    def __call__(self, frame: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.model(frame)

    dense = __call__

    def run_with_activity(self, frame: torch.Tensor, share: float, seed: int) -> None:
        self.activities.append((share, seed))

    def report(self) -> SimpleNamespace:
        return SimpleNamespace(macs_done=25, macs_dense=100)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    made: list[Stream] = []

    def incremental(*arguments, **options) -> Stream:
        made.append(Stream(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(saccade, "incremental", incremental, raising=False)
    return made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(6):
        picture = np.full((32, 48, 3), 40 * index, np.uint8)
        pillow.fromarray(picture).save(folder / f"{index:03d}.png")
    return folder


def test_network_writes_a_row_a_share_and_a_peer_with_their_origin(streams: list[Stream], tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    arguments = ["network", *TINY, "--active", "0.5,0.02,0", "--rounds", "2", "--json", str(path)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["contender"], row.get("active")) for row in rows] == [
        ("saccade", 0.5),
        ("saccade", 0.02),
        ("saccade", 0.0),
        ("eager", None),
    ]
    for row in rows:
        assert row["rounds"] == 2
        assert row["shape"] == [1, 3, 32, 48]
        assert {"machine", "date", "versions", "threads", "command"} <= set(row["environment"])
    assert rows[0]["strongest_peer"] == "eager"
    assert rows[0]["speedup"] == pytest.approx(rows[3]["median_ms"] / rows[0]["median_ms"])
    assert rows[0]["relative_error"] < 1e-6


def test_network_gives_every_share_the_same_seeds_and_a_new_one_each_round(streams: list[Stream]) -> None:
    CliRunner().invoke(app, ["network", *TINY, "--active", "0.5,0.1", "--rounds", "1"], catch_exceptions=False)
    seeds = {share: [seed for other, seed in streams[1].activities if other == share] for share in (0.5, 0.1)}
    assert seeds[0.5] == seeds[0.1] == [0, 0, 1, 1, 2, 2]


def test_a_missing_peer_is_named_in_the_table_and_in_the_rows(
    streams: list[Stream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saccade.peers import peers

    monkeypatch.setattr(type(peers.get("ncnn")), "available", lambda self: "not installed: pip install ncnn")
    path = tmp_path / "rows.json"
    arguments = ["network", *TINY, "--peers", "eager,ncnn", "--active", "0", "--rounds", "1", "--json", str(path)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "not installed" in result.output
    assert json.loads(path.read_text())["rows"][-1]["missing"] == "not installed: pip install ncnn"


def test_video_judges_frames_and_writes_rows(streams: list[Stream], pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    arguments = ["video", str(pictures), *TINY, "--check", "2", "--json", str(path)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "bit-identical to the engine's dense pass on 3 of 3 frames; 25.0%" in " ".join(result.output.split())
    engine, eager = json.loads(path.read_text())["rows"]
    assert (engine["contender"], eager["contender"]) == ("saccade", "eager")
    assert engine["rounds"] == eager["rounds"] == 4
    assert engine["frames_judged"] == engine["frames_identical_to_dense"] == 3
    assert engine["worst_relative_error"] == 0.0
    assert engine["macs_share"] == 0.25


def test_both_benchmarks_run_the_engine_itself(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    arguments = ["network", *TINY, "--active", "1,0.1,0", "--rounds", "2", "--json", str(path)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert all(row["relative_error"] < 1e-4 for row in json.loads(path.read_text())["rows"])
    CliRunner().invoke(
        app, ["video", str(pictures), *TINY, "--check", "1", "--json", str(path)], catch_exceptions=False
    )
    engine = json.loads(path.read_text())["rows"][0]
    assert engine["frames_identical_to_dense"] == engine["frames_judged"] == 6


def test_an_unwritable_file_is_refused_before_the_model_is_built(tmp_path: Path) -> None:
    arguments = ["network", "--model", "no such model", "--json", str(tmp_path / "missing" / "rows.json")]
    with pytest.raises(SinkError, match="cannot write"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("text", ["2", "-0.1", "half", "0.5,,1", "nan"])
def test_a_share_outside_zero_to_one_is_refused(text: str) -> None:
    arguments = ["network", "--model", "torchvision:alexnet", f"--active={text}"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "fractions" in result.output


def test_options_are_parsed_in_order_and_without_repetition() -> None:
    assert parse_shares("1, 0.5,0.5,0") == [1.0, 0.5, 0.0]
    assert parse_peers("ncnn,eager,ncnn") == ["ncnn", "eager"]
    assert parse_peers("none") == []
    with pytest.raises(RegistryError, match="did you mean 'eager'"):
        parse_peers("eagr")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("torchvision:vit_b_16", "VisionTransformer fails on a frame of shape (1, 3, 64, 64) (AssertionError: Wrong"),
        ("small_networks:grey", "expected input[1, 3, 64, 64] to have 1 channels"),
        ("small_networks:failing", "(ValueError: this network)"),
    ],
)
@pytest.mark.parametrize("verb", ["network", "video", "policies", "regions"])
def test_a_model_that_fails_on_its_frames_ends_with_one_line(verb, model, told, call_refused, clip, factory) -> None:
    words = {
        "network": ("bench", "network", "--peers", "none", "--rounds", 1, "--active", "1"),
        "video": ("bench", "video", clip, "--peers", "none"),
        "policies": ("bench", "policies", clip, "--peers", "none"),
        "regions": ("regions", clip),
    }
    said = call_refused(*words[verb], "--model", model, "--size", "64x64")
    assert told in said or "saccade: torch.export could not trace" in said or "takes 1 channels" in said
    if verb in ("network", "video"):
        assert told in said


def test_a_folder_with_a_broken_image_is_used_without_it_and_the_warning_says_so(
    streams: list[Stream], pictures: Path, call
) -> None:
    (pictures / "002.png").write_bytes(b"broken")
    ended = call("bench", "video", pictures, *TINY)
    assert ended.code == 0
    assert "saccade: warning: 1 of the 6 images" in ended.err
    assert "002.png" in ended.err


def test_too_few_frames_are_told_with_the_images_that_could_not_be_read(
    streams: list[Stream], pictures: Path, call_refused
) -> None:
    for number in range(1, 5):
        (pictures / f"00{number}.png").write_bytes(b"broken")
    told = call_refused("bench", "video", pictures, *TINY)
    assert "more than 2 are needed (4 of the 6 images" in told
