"""Loading a file of weights into a module."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from saccade.errors import WeightsError
from saccade.models.weights import load_weights


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".th"])
def test_weights_of_every_kind_are_loaded_and_the_prefix_of_parallel_training_is_taken_off(tmp_path, suffix):
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    state = {f"module.{key}": value for key, value in source.state_dict().items()}
    path = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3}, path)
    load_weights(target, path)
    assert torch.equal(target.weight, source.weight)


def test_weights_that_do_not_fit_name_the_keys(tmp_path):
    torch.save({"weight": torch.zeros(4, 3), "extra": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"missing: bias; unexpected: extra; of another shape: weight 4x3 .* 2x3"):
        load_weights(nn.Linear(3, 2), tmp_path / "w.pt")


def test_weights_that_hide_code_are_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "w.pt").write_bytes(pickle.dumps({"weight": Payload()}))
    torch.save({"weight": Payload()}, tmp_path / "w2.pt")
    for name in ("w.pt", "w2.pt"):
        with pytest.raises(WeightsError, match=r"will not be run|cannot be read"):
            load_weights(nn.Linear(3, 2), tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_broken_weights_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(WeightsError, match=name):
        load_weights(nn.Linear(3, 2), tmp_path / name)


@pytest.mark.parametrize("content", [b"e is for text\n" * 40, b"", b"\0\0\0\x20ftypisom" * 9])
def test_a_file_of_something_else_is_called_no_file_of_weights(tmp_path, content):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(WeightsError, match=r"clip\.mp4' is no file of weights: expected one that safetensors or torch"):
        load_weights(nn.Linear(3, 2), tmp_path / "clip.mp4")
