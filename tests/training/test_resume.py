"""Runs that are killed with SIGKILL end, once they are gone on with, in the bits of one that was not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.training import Recipe, train

KILLER = """
import json, os, signal, sys
from pathlib import Path
import torch
from saccade.training import Recipe, train
from saccade.training.run import Run

torch.set_num_threads(int(sys.argv[6]))  # another number of threads adds in another order
folder, cache, output = map(Path, sys.argv[1:4])
recipe = Recipe.from_dict(json.loads(sys.argv[4]))

def kill_at(owner, name, count, before=None):
    original, calls = getattr(owner, name), [0]
    def counted(*arguments):
        calls[0] += 1
        if calls[0] == count:
            if before is not None:
                before(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    setattr(owner, name, counted)

def halve(descriptor):
    os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)

for name, place, count in json.loads(sys.argv[5]):
    child = os.fork()
    if child == 0:
        owner = Run if place == "step" else os
        kill_at(owner, place, count, halve if place == "fsync" else None)
        train(recipe, folder, output / name, cache=cache, accelerator="cpu", save_every=0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (name, status)
"""

# Saves before a run's end: a state a step, and at each of the four epochs' ends the last and, where better, the best.
KILLS = [
    ("within-the-first-step", "step", 1),
    ("within-an-epoch", "step", 7),
    ("at-an-epochs-begin", "step", 9),
    ("with-half-a-state-written", "fsync", 3),
    ("with-half-the-weights-written", "fsync", 4),
    ("between-writing-a-state-and-putting-it-in-place", "replace", 2),
    ("between-the-weights-and-the-state", "replace", 5),
]


def test_a_run_killed_anywhere_ends_in_the_same_bits(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=3, validation=0.25, batch=9).with_gate("das", options={"start": "identity"})
    whole = train(recipe, folder, tmp_path / "whole", cache=tmp_path, accelerator="cpu")
    words = [str(folder), str(tmp_path), str(tmp_path), json.dumps(recipe.to_dict()), json.dumps(KILLS)]
    words.append(str(torch.get_num_threads()))
    ended = subprocess.run([sys.executable, "-c", KILLER, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    files = {name: load_file(tmp_path / "whole" / f"{name}.safetensors") for name in ("last", "best")}
    for name, place, _ in KILLS:
        directory = tmp_path / name
        left = list(directory.glob(".*.partial"))
        assert len(left) == (place != "step"), f"{name}: killed elsewhere"
        assert not (directory / "report.json").exists()
        again = train(recipe, folder, directory, cache=tmp_path, accelerator="cpu", resume=True)
        assert not list(directory.glob(".*.partial"))
        assert [line.training_loss for line in again.history] == [line.training_loss for line in whole.history], name
        assert again.best_test_accuracy == whole.best_test_accuracy
        for kind, expected in files.items():
            found = load_file(directory / f"{kind}.safetensors")
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[key], expected[key]) for key in found), f"{name}: {kind}"


@pytest.mark.parametrize("network", ["mobilenet_v2"])
def test_a_network_that_draws_random_numbers_goes_on_with_the_same_ones(
    folder: Path, tmp_path: Path, recipe: Recipe, network: str
) -> None:
    from saccade.training import StepProgress

    recipe = recipe.replace(network=network, epochs=0.75, image_size=8, batch=4)  # it has a dropout
    whole = train(recipe, folder, tmp_path / "whole", cache=tmp_path, accelerator="cpu")

    def stop(told: StepProgress) -> None:
        if told.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, folder, tmp_path / "parts", cache=tmp_path, accelerator="cpu", save_every=0, on_step=stop)
    torch.manual_seed(12345)
    parts = train(recipe, folder, tmp_path / "parts", cache=tmp_path, accelerator="cpu", resume=True)
    assert parts.history[0].training_loss == whole.history[0].training_loss
