import json
from pathlib import Path

import pytest

from saccade.errors import SinkError
from saccade.measure import Record


def test_rows_are_written_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with Record(path, "network") as record:
        record.add({"contender": "eager"})
        assert list(tmp_path.iterdir()) == []
    assert json.loads(path.read_text()) == {"benchmark": "network", "rows": [{"contender": "eager"}]}
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("earlier")
    with pytest.raises(ZeroDivisionError), Record(path, "network") as record:
        record.add({"rounds": 1 / 0})
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["missing/rows.json", "."])
def test_a_path_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path, place: str) -> None:
    with pytest.raises(SinkError, match=r"cannot write .*; name a file"), Record(tmp_path / place, "network"):
        pytest.fail("the work began")


def test_without_a_path_nothing_is_written() -> None:
    with Record(None, "network") as record:
        record.add({"contender": "eager"})
    assert len(record.rows) == 1


def test_rows_are_written_through_a_link_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "rows.json"
    path.symlink_to(tmp_path / "real" / "rows.json")
    with Record(path, "network") as record:
        record.add({"contender": "eager"})
    assert path.is_symlink()
    assert [file.name for file in (tmp_path / "real").iterdir()] == ["rows.json"]
