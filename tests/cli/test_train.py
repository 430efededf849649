"""The verbs train and compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

TINY = ("--set", "network=cifar-resnet8", "--set", "width=4", "--set", "classes=2", "--set", "batch=4",
        "--set", "image_size=8", "--epochs", "1")  # fmt: skip


def test_train_leaves_weights_and_a_report(call: Callable[..., object], squares: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    ended = call("train", "cifar100-short", "--data", squares, "--output", output, "--gate", "das", *TINY)
    assert ended.code == 0, ended.err
    assert "after 2 steps" in ended.out
    report = json.loads((output / "report.json").read_text())
    assert report["recipe"]["gate"] == "das"
    assert report["environment"]["versions"]["torch"]
    assert {"last.safetensors", "best.safetensors", "state.pt"} <= {path.name for path in output.iterdir()}


def test_compare_goes_on_with_what_is_finished_and_writes_the_table(
    call: Callable[..., object], squares: Path, tmp_path: Path
) -> None:
    words = ("compare", "cifar100-short", "--data", squares, "--output", tmp_path / "out", "--seeds", 2, *TINY)
    ended = call(*words, "--gates", "none", "--no-inference")
    assert ended.code == 0, ended.err
    finished = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    assert set(finished) == {"none-seed0.json", "none-seed1.json"}
    ended = call(*words, "--gates", "none,das-identity")
    assert ended.code == 0, ended.err
    assert all((tmp_path / "out" / "runs" / name).stat().st_mtime_ns == time for name, time in finished.items())
    table = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [row["label"] for row in table["rows"]] == ["none", "das-identity"]
    assert table["rows"][1]["difference"]["count"] == 2
    assert table["rows"][1]["macs"] > table["rows"][0]["macs"]
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 1000
    assert "| das-identity | 2 |" in (tmp_path / "out" / "comparison.md").read_text()
    (tmp_path / "out" / "inference.json").unlink()
    assert "Inference was timed" not in call(*words, "--gates", "none,das-identity", "--report-only").out
    assert "Inference was timed" in call(*words, "--gates", "none,das-identity", "--report-only", "--inference").out


def test_mistakes_end_with_one_line(call_refused: Callable[..., str], tmp_path: Path) -> None:
    folders = ("--data", tmp_path / "nothing", "--output", tmp_path / "out")
    assert "no images at" in call_refused("train", "cifar100-short", *folders)
    assert "known: cifar100, cifar100-fine-tuning" in call_refused("train", "cifar10", *folders)
    assert "has no 'depth'" in call_refused("train", "cifar100-short", *folders, "--set", "depth=3")
    assert "unknown gate 'sea'" in call_refused("compare", "cifar100-short", *folders, "--gates", "none,sea")
    assert "names 'se' twice" in call_refused("compare", "cifar100-short", *folders, "--gates", "se,se")
    assert "is finished" in call_refused("compare", "cifar100-short", *folders, "--report-only")
    assert "no images at" in call_refused("compare", "cifar100-short", *folders, "--budget", "1")


@pytest.mark.parametrize("verb", ["train", "compare"])
def test_a_mistake_leaves_no_folder_behind(
    call: Callable[..., object], call_refused: Callable[..., str], squares: Path, tmp_path: Path, verb: str
) -> None:
    words = (verb, "cifar100-short", "--data", squares, *TINY)
    ended = call(*words, "--output", tmp_path / "out", "--set", "network=cifar-resnet9")
    assert ended.code == 2
    assert "for small images: cifar-resnet110, " in ended.err
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    call(*words, "--output", tmp_path / "file" / "out")  # which decodes the images
    assert "unknown optimiser" in call_refused(*words, "--output", tmp_path / "out", "--set", "optimiser=lion")
    assert "cannot make the folder" in call_refused(*words, "--output", tmp_path / "file" / "out")


def test_a_full_disk_and_another_recipe_end_with_one_line(
    call: Callable[..., object], squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "cifar100-short", "--data", squares, "--output", tmp_path / "run", "--save-every", 0, *TINY)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        ended = call(*words)
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith("saccade: cannot write")
    assert "No space left on device" in ended.err
    assert list((tmp_path / "run").iterdir()) == []
    assert call(*words).code == 0
    ended = call(*words, "--resume", "--seed", 3)
    assert ended.code == 2
    assert "finished run of another recipe" in ended.err.splitlines()[-1]


def test_a_trained_network_watches_a_video(
    call: Callable[..., object], squares: Path, tmp_path: Path, clip: Path
) -> None:
    words = ("train", "cifar100-short", "--data", squares, "--output", tmp_path / "run", "--gate", "das", *TINY)
    assert call(*words).code == 0
    report = tmp_path / "report.json"
    ended = call("run", clip, "--model", tmp_path / "run" / "last.safetensors", "--frames", 3, "--json", report)
    assert ended.code == 0, ended.err
    assert json.loads(report.read_text())


def test_recipes_are_listed_with_their_cost_and_shown_whole(call: Callable[..., object]) -> None:
    ended = call("recipes")
    assert ended.code == 0, ended.err
    assert all(name in ended.out for name in ("stanford-dogs-norms", "coco-faster-rcnn-warm-up"))
    shown = call("recipes", "coco-faster-rcnn").out
    assert "learning_rate  0.02" in shown
    assert "none,se,cbam,triplet,das" in shown
