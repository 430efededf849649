import pytest
import torch
from torch import nn

from saccade.errors import RegistryError
from saccade.measure import prepare_contestants
from saccade.peers import Prepared, peers


class Stand:
    """A peer whose behaviour a test chooses."""

    def __init__(self, name: str, factor: float = 1.0, reason: str | None = None, failure: str | None = None) -> None:
        self.name, self.factor, self.reason, self.failure = name, factor, reason, failure

    def version(self) -> str:
        return f"{self.name} 1"

    def available(self) -> str | None:
        return self.reason

    def prepare(self, model: nn.Module, example: torch.Tensor, threads: int) -> Prepared:
        if self.failure:
            raise RuntimeError(self.failure)
        return Prepared(lambda frame: [model(frame).detach() * self.factor], f"times {self.factor}")


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        Stand("right"),
        Stand("wrong", factor=1.1),
        Stand("absent", reason="not installed: pip install absent"),
        Stand("broken", failure="no such operator\nand a long story"),
    ]
    monkeypatch.setattr(peers, "_entries", {entry.name: entry for entry in entries})


@pytest.mark.usefixtures("stands")
def test_missing_broken_and_wrong_peers_are_all_named() -> None:
    model, example = nn.Conv2d(3, 4, 3).eval(), torch.rand(1, 3, 8, 8)
    right, wrong, absent, broken = prepare_contestants(["right", "wrong", "absent", "broken"], model, example, 1)
    assert right.error == 0.0
    assert not right.wrong
    assert wrong.error == pytest.approx(0.1, rel=1e-3)
    assert wrong.wrong
    assert absent.to_dict() == {
        "contender": "absent",
        "version": "absent 1",
        "missing": "not installed: pip install absent",
    }
    assert broken.missing == "failed: no such operator"


def test_an_unknown_name_is_refused_before_any_work() -> None:
    with pytest.raises(RegistryError, match="unknown peer"):
        prepare_contestants(["eager", "nonsense"], nn.Identity(), torch.rand(1, 3, 8, 8), 1)
