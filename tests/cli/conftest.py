"""A program to call, a video to watch, and small models, for the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from saccade.cli import main


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Returns a function that runs the program with words and returns how it ended."""

    def run(*words: object) -> Ended:
        try:
            main([str(word) for word in words])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def call_refused(call: Callable[..., Ended], tmp_path: Path) -> Callable[..., str]:
    """Returns a function that runs the program with a mistake and returns what it says of it.

    It also checks how every mistake ends: with code 2, one line, and nothing left in the test's folder.
    """

    def files() -> list[Path]:
        return sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)

    def run(*words: object) -> str:
        before = files()
        ended = call(*words)
        assert ended.code == 2
        assert ended.out == ""
        assert "Traceback" not in ended.err
        last = [line for line in ended.err.splitlines() if line.strip()][-1]
        assert last.startswith("saccade: ")
        assert files() == before
        return last

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Returns a video of twelve frames at 48x64 in a folder of its own."""
    folder = tmp_path / "clips"
    folder.mkdir()
    path = folder / "clip.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.gop_size = 3
        background = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        for index in range(12):
            picture = background.copy()
            picture[8:24, index : index + 16] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the name of a small classifier in a module of the current folder."""
    (tmp_path / "small_networks.py").write_text(
        "from torch import nn\n"
        "def classifier():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1),\n"
        "                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))\n"
        "def mapper():\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 2, 1))\n"
        "def grey():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())\n"
        "class Failing(nn.Module):\n"
        "    def forward(self, frame):\n"
        "        raise ValueError('this network\\nnever works')\n"
        "def failing():\n"
        "    return Failing()\n"
        "def segmenter():\n"
        "    return nn.Conv2d(3, 2, 3, padding=1)\n"
        "def nothing():\n"
        "    return 3\n"
        "def broken():\n"
        "    raise RuntimeError('no such file')\n"
    )
    monkeypatch.chdir(tmp_path)
    return "small_networks:classifier"
