"""How a program that is told to end leaves: in one line, with its exit code, and nothing half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NETWORK = """
import time
from pathlib import Path
from torch import nn

class Slow(nn.Sequential):
    def forward(self, frame):
        Path("reached").touch()
        time.sleep(0.05)
        return super().forward(frame)

def slow():
    return Slow(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""
PHOTOGRAPHS = 400
PATIENCE = 120


def wait_for(path: Path, child: subprocess.Popen[str]) -> None:
    """Waits until a file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


INTERRUPTED_WHILE_LOADING = """
import importlib.abc, os, signal, sys

class InterruptAtImport(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), int(sys.argv[2]))
            except KeyboardInterrupt as interrupt:
                if sys.argv[3] == "converted":  # as libraries with parts in C do
                    raise RecursionError("maximum recursion depth exceeded") from interrupt
                raise
        return None

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background of a shell
sys.meta_path.insert(0, InterruptAtImport())
from saccade.cli import main
main(["doctor"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM, which Windows does not have")
@pytest.mark.parametrize("module", ["typer", "saccade.cli.demo", "saccade.cli.versions"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("raised", ["converted", "as it is"])
def test_an_interrupt_while_the_program_loads_ends_it_in_one_line(
    module: str, number: signal.Signals, raised: str
) -> None:
    words = [sys.executable, "-c", INTERRUPTED_WHILE_LOADING, module, str(int(number)), raised]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 130
    assert ended.stderr == "saccade: interrupted\n"
    assert ended.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM, which Windows does not have")
def test_a_terminated_explanation_leaves_nothing_half_written(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed: pip install 'saccade[explain]'")
    (tmp_path / "slow_network.py").write_text(NETWORK)
    names = [f"{number}.png" for number in range(PHOTOGRAPHS)]
    for name in names:
        Image.fromarray(np.zeros((32, 32, 3), dtype=np.uint8)).save(tmp_path / name)
    words = ("explain", *names, "--model", "slow_network:slow", "--size", "32x32", "--out", "maps", "--json", "s.json")
    before = set(tmp_path.iterdir())
    with subprocess.Popen(
        [sys.executable, "-m", "saccade", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        wait_for(tmp_path / "reached", child)
        assert list(tmp_path.glob(".maps.*.partial"))
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130
    assert said.splitlines()[-1] == "saccade: interrupted"
    assert "Traceback" not in said
    left = {path.name for path in set(tmp_path.iterdir()) - before}
    assert left - {"__pycache__"} == {"reached"}
