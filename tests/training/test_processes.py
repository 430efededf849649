"""Two processes on the CPU that share every batch, started by the program itself and by torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from saccade.errors import ProcessError, RecipeError
from saccade.gates import gates_of, insert
from saccade.training import Recipe, RunReport, recipes, train
from saccade.training.processes import told_of_loss
from saccade.training.synchronised_norm import SynchronisedNorm, synchronise_batch_norms

SETTINGS = {"network": "cifar-resnet8", "width": 4, "classes": 3, "image_size": 8, "batch": 8, "crop_padding": 1,
            "learning_rate": 0.05, "synchronise_norms": True, "validation": 0.25, "evaluate_every": 1}  # fmt: skip


def words(folder: Path, cache: Path, output: Path, *more: object) -> list[str]:
    """Returns what to type after "saccade" for a tiny run of two epochs."""
    settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    command = ["train", "cifar100-short", "--data", folder, "--cache", cache, "--output", output, "--epochs", 2]
    return [str(word) for word in [*command, "--gate", "das", "--accelerator", "cpu", *settings, *more]]


def alone(folder: Path, cache: Path, output: Path) -> RunReport:
    """Does the run of ``words`` in this process."""
    recipe = recipes.get("cifar100-short").replace(epochs=2, **SETTINGS).with_gate("das")
    return train(recipe, folder, output, cache=cache, accelerator="cpu")


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command without what an outer launcher may have set."""
    kept = {name: value for name, value in os.environ.items() if "RANK" not in name and "WORLD_SIZE" not in name}
    kept["OMP_NUM_THREADS"] = "1"
    return subprocess.run(command, capture_output=True, text=True, env=kept, timeout=600)


def compare_runs(one: Path, two: Path) -> None:
    """Checks that two runs agree within float tolerance, and that two processes did the second."""
    reports = [json.loads((directory / "report.json").read_text()) for directory in (one, two)]
    assert [report["processes"] for report in reports] == [1, 2]
    assert reports[0]["fingerprint"] == reports[1]["fingerprint"]
    for first, second in zip(*(report["history"] for report in reports), strict=True):
        assert second["training_loss"] == pytest.approx(first["training_loss"], rel=1e-4)
        assert second["validation_accuracy"] == first["validation_accuracy"]
        assert second["accuracy"] == first["accuracy"]
        assert second["validation_loss"] == pytest.approx(first["validation_loss"], rel=1e-3)
    weights = [load_file(directory / "last.safetensors") for directory in (one, two)]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-4)
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}


def test_two_processes_make_the_steps_of_one(folder: Path, tmp_path: Path) -> None:
    alone(folder, tmp_path, tmp_path / "one")
    ended = run([sys.executable, "-m", "saccade", *words(folder, tmp_path, tmp_path / "two", "--devices", 2)])
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    assert ended.stdout.count("accuracy") == 1
    compare_runs(tmp_path / "one", tmp_path / "two")


def test_torchrun_starts_them_as_well_and_parts_of_a_batch_are_added_up(folder: Path, tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "saccade"]
    cache = tmp_path / "cache"  # empty: both processes find it so
    ended = run([*launcher, *words(folder, cache, tmp_path / "two")])
    assert ended.returncode == 0, ended.stderr
    alone(folder, cache, tmp_path / "one")
    compare_runs(tmp_path / "one", tmp_path / "two")
    assert len(list(cache.iterdir())) == 2


def test_a_mistake_ends_both_with_one_line(tmp_path: Path) -> None:
    more = ("--devices", 2)
    ended = run([sys.executable, "-m", "saccade", *words(tmp_path / "nothing", tmp_path, tmp_path / "out", *more)])
    assert ended.returncode == 2
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("saccade: no images at")
    assert not (tmp_path / "out").exists()


def test_a_batch_that_cannot_be_shared_evenly_is_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    from types import SimpleNamespace
    from typing import Any

    from saccade.training import Splits, load_images
    from saccade.training.run import Run

    images = load_images(folder, "train", 8, tmp_path)
    three: Any = SimpleNamespace(world_size=3, global_rank=0)
    with pytest.raises(RecipeError, match=r"batch of 8 .*3 process.*batch=9"):
        Run(recipe, Splits(images, None, images), tmp_path, three)


def test_a_process_that_is_gone_is_told_as_such() -> None:
    with pytest.raises(ProcessError, match=r"ended or does not answer.*--resume"), told_of_loss():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:13519")
    with pytest.raises(RuntimeError, match="shape"), told_of_loss():
        raise RuntimeError("shape mismatch")


def test_synchronised_norms_keep_names_values_and_gates() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    insert(network, "bam", "2")
    x = torch.randn(2, 3, 6, 6)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    expected = network(x)
    network.load_state_dict(before)
    norms = sum(isinstance(part, nn.BatchNorm2d) for part in network.modules())
    converted = synchronise_batch_norms(network, torch.device("cpu"))
    assert sum(isinstance(part, SynchronisedNorm) for part in converted.modules()) == norms > 2
    assert len(gates_of(converted)) == 1
    assert converted.state_dict().keys() == before.keys()
    assert torch.equal(converted(x), expected)  # in a single process they are plain ones


def test_a_batch_norm_that_does_more_is_not_replaced() -> None:
    class Odd(nn.BatchNorm2d):
        pass

    with pytest.raises(RecipeError, match=r"'1' is a Odd.*synchronise_norms=False"):
        synchronise_batch_norms(nn.Sequential(nn.ReLU(), Odd(3)), torch.device("cpu"))
