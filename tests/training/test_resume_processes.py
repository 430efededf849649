"""Runs of several processes, of which one or all are killed, end in the bits of one that was left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.training import Recipe

# Forks the processes of each run, as torchrun starts them, so that torch is imported once.
LAUNCHER = """
import json, os, signal, socket, sys, time
from pathlib import Path
import lightning_fabric.strategies, matplotlib.figure, matplotlib.backends.backend_agg, torch, torch._dynamo
from saccade.errors import ProcessError
from saccade.training import Recipe, run as runs, train

torch.set_num_threads(1)
folder, cache, output = map(Path, sys.argv[1:4])
recipe, processes = Recipe.from_dict(json.loads(sys.argv[4])), int(sys.argv[6])
ENDED, TOLD = 0, 3
runs.STEPS_BETWEEN_LOOKS = 2

def kill_at(owner, name, count):
    original, calls = getattr(owner, name), [0]
    def counted(*arguments):
        calls[0] += 1
        if calls[0] == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    setattr(owner, name, counted)

def begin(rank, port, directory, kill, resume):
    child = os.fork()
    if child:
        return child
    os.environ.update(LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    if kill is not None and rank in kill["ranks"]:
        kill_at(runs.Run if kill["place"] == "step" else os, kill["place"], kill["count"])
    code = 1
    try:
        train(recipe, folder, directory, cache=cache, accelerator="cpu", devices=processes, save_every=0, resume=resume)
        code = ENDED
    except ProcessError:
        code = TOLD
    finally:
        os._exit(code)

def together(name, kill=None, resume=False):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [begin(rank, port, output / name, kill, resume) for rank in range(processes)]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

kills = json.loads(sys.argv[5])
ends = {"whole": together("whole")}
left = {}
for name, kill in kills.items():
    ends[name] = together(name, kill)
    left[name] = sorted(path.name for path in (output / name).iterdir())
    ends[f"{name}, again"] = together(name, resume=True)
print(json.dumps({"ends": ends, "left": left}))
"""

KILLS = {
    "the first alone, between the weights and the state": {"ranks": [0], "place": "replace", "count": 4},
    "the second alone, within an epoch": {"ranks": [1], "place": "step", "count": 8},
    "all, within an epoch": {"ranks": [0, 1, 2], "place": "step", "count": 11},
}
"""A state is saved after every second step and at the end of an epoch of four; there are three epochs."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork, which this system does not have")
@pytest.mark.parametrize(
    ("processes", "synchronised", "names"),
    [
        (2, False, ["the first alone, between the weights and the state", "the second alone, within an epoch"]),
        (3, True, ["all, within an epoch"]),  # unlike those of two, sums of three depend on their order
    ],
)
def test_processes_killed_anywhere_end_in_the_same_bits(
    folder: Path, tmp_path: Path, recipe: Recipe, processes: int, synchronised: bool, names: list[str]
) -> None:
    kills = {name: KILLS[name] for name in names}
    recipe = recipe.replace(epochs=3, validation=0.25, batch=6, synchronise_norms=synchronised)
    recipe = recipe.with_gate("das", options={"start": "identity"})
    words = [str(folder), str(tmp_path), str(tmp_path), json.dumps(recipe.to_dict()), json.dumps(kills)]
    words.append(str(processes))
    kept = {name: value for name, value in os.environ.items() if "RANK" not in name and "WORLD_SIZE" not in name}
    ended = subprocess.run([sys.executable, "-c", LAUNCHER, *words], capture_output=True, text=True, env=kept)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert told["ends"]["whole"] == [0] * processes, ended.stderr
    assert whole["processes"] == processes
    files = {kind: load_file(tmp_path / "whole" / f"{kind}.safetensors") for kind in ("last", "best")}
    for name, kill in kills.items():
        assert told["ends"][name] == [-9 if rank in kill["ranks"] else 3 for rank in range(processes)], ended.stderr
        assert "state.pt" in told["left"][name]
        assert "report.json" not in told["left"][name]
        assert told["ends"][f"{name}, again"] == [0] * processes, ended.stderr
        again = json.loads((tmp_path / name / "report.json").read_text())
        assert again["resumed"] == 1
        assert [line["training_loss"] for line in again["history"]] == [
            line["training_loss"] for line in whole["history"]
        ], name
        assert again["best_test_accuracy"] == whole["best_test_accuracy"]
        for kind, expected in files.items():
            found = load_file(tmp_path / name / f"{kind}.safetensors")
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[key], expected[key]) for key in found), f"{name}: {kind}"
