"""Unpacking archives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from saccade.errors import DataError
from saccade.training.data import unpack


def archive_of(path: Path, *entries: tarfile.TarInfo | tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            information = tarfile.TarInfo(entry[0])
            information.size = len(entry[1])
            archive.addfile(information, io.BytesIO(entry[1]))
    return path


@pytest.mark.usefixtures("unpacking")
def test_entries_take_the_place_of_older_ones_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "Images").mkdir(parents=True)
    (folder / "Images" / "half.jpg").write_bytes(b"half")
    (folder / "mine.txt").write_text("mine")
    unpack(archive_of(tmp_path / "a.tar", ("Images/a/0.jpg", b"one"), ("list.mat", b"two")), folder)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {"Images/a/0.jpg": b"one", "list.mat": b"two", "mine.txt": b"mine"}


@pytest.mark.usefixtures("unpacking")
@pytest.mark.parametrize("kind", ["parent", "link", "device"])
def test_what_leads_out_of_the_folder_is_refused_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    entry: tarfile.TarInfo | tuple[str, bytes] = ("../evil.txt", b"evil")
    if kind != "parent":
        entry = tarfile.TarInfo("evil")
        entry.type, entry.linkname = (tarfile.SYMTYPE, "/etc") if kind == "link" else (tarfile.CHRTYPE, "")
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(DataError, match="was not unpacked"):
        unpack(archive_of(tmp_path / "a.tar", ("good.txt", b"good"), entry), folder)
    assert not list(folder.iterdir())
    assert not (tmp_path / "evil.txt").exists()


def test_a_damaged_archive_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    whole = archive_of(tmp_path / "a.tar", ("big.bin", b"x" * 5000))
    whole.write_bytes(whole.read_bytes()[:3000])
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(DataError, match=r"a\.tar"):
        unpack(whole, folder)
    assert not list(folder.iterdir())


def test_a_python_that_cannot_unpack_safely_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(tmp_path / "a.tar", ("good.txt", b"good"))
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with pytest.raises(DataError, match=r"3\.11\.4 or later, or unpack it to .* by hand"):
        unpack(archive, folder)
    assert not list(folder.iterdir())
