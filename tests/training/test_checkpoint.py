"""Files of a run: whole, or what was there before."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from saccade.errors import CheckpointError
from saccade.training import Recipe, StepProgress, train
from saccade.training.checkpoint import load_state, remove_leftovers, save_state, save_weights


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a size in bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_for_which_there_is_no_room_leaves_the_last_one(tmp_path: Path) -> None:
    save_state(tmp_path / "state.pt", {"step": 1})
    save_weights(tmp_path / "last.safetensors", {"a": torch.ones(2)}, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    large = torch.zeros(100_000)
    with room_for(10_000):
        with pytest.raises(CheckpointError, match=r"state\.pt.*too large.*unharmed: make room.*--resume"):
            save_state(tmp_path / "state.pt", {"step": large})
        with pytest.raises(CheckpointError, match=r"last\.safetensors.*unharmed"):
            save_weights(tmp_path / "last.safetensors", {"a": large}, {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_whose_disk_is_full_goes_on_once_there_is_room(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    recipe = recipe.replace(epochs=1.5)
    whole = train(recipe, folder, tmp_path / "whole", cache=tmp_path, accelerator="cpu")
    with room_for(2_000), pytest.raises(CheckpointError, match="unharmed"):
        train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert list((tmp_path / "run").iterdir()) == []
    run = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu", resume=True)
    assert run.accuracy == whole.accuracy
    assert run.history[-1].training_loss == whole.history[-1].training_loss


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".state.pt.4711.partial").write_bytes(b"half")
    (tmp_path / "state.pt").write_bytes(b"whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_a_damaged_state_and_one_of_another_network_are_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    def stop(told: StepProgress) -> None:
        raise KeyboardInterrupt

    for name, own in (("mine", recipe), ("other", recipe.replace(width=8))):
        with pytest.raises(KeyboardInterrupt):
            train(own, folder, tmp_path / name, cache=tmp_path, accelerator="cpu", save_every=0, on_step=stop)
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe.replace(width=8), folder, tmp_path / "mine", cache=tmp_path, accelerator="cpu", resume=True)
    other = load_state(tmp_path / "other" / "state.pt")
    save_state(tmp_path / "mine" / "state.pt", other | {"fingerprint": recipe.fingerprint})
    with pytest.raises(CheckpointError, match="does not fit"):
        train(recipe, folder, tmp_path / "mine", cache=tmp_path, accelerator="cpu", resume=True)
    (tmp_path / "mine" / "state.pt").write_bytes((tmp_path / "other" / "state.pt").read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"cannot be read.*remove the folder"):
        train(recipe, folder, tmp_path / "mine", cache=tmp_path, accelerator="cpu", resume=True)


def test_a_state_of_which_a_byte_has_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"weights": torch.arange(10_000.0)})
    assert torch.equal(load_state(path)["weights"], torch.arange(10_000.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"state\.pt.* is damaged or cannot be read \(the checksum of .*remove the"
    ):
        load_state(path)
    path.write_bytes(content[:1000])
    with pytest.raises(CheckpointError, match="is damaged or cannot be read"):
        load_state(path)
