"""How a program that is told to end by its service manager leaves the disk."""

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
    assert "Traceback" not in said
    left = {path.name for path in set(tmp_path.iterdir()) - before}
    assert left - {"__pycache__"} == {"reached"}
