"""One network's explanation of one frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision

import saccade.gates
from saccade.errors import ExplanationError, RegionError, StageError
from saccade.explain import ScoreRule, explain

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed; run: pip install 'saccade[explain]'")

FRAME = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def gated() -> torch.nn.Module:
    torch.manual_seed(0)
    return saccade.gates.insert(torchvision.models.resnet18(num_classes=6), "das", "stages")


def test_stages_gates_and_the_networks_own_choice_are_told(gated) -> None:
    seen = explain(gated, FRAME, name="DAS")
    assert [stage.label for stage in seen.stages] == ["stage 3", "stage 4"]
    assert all(stage.weights.shape == (64, 64) and stage.score is None for stage in seen.stages)
    assert len(seen.gates) == 4
    logits = gated.eval()(FRAME)[0].detach()
    assert seen.category == seen.first_choice == int(logits.argmax())
    assert seen.probability == pytest.approx(float(logits.softmax(0).max()), rel=1e-5)
    assert seen.name == "DAS"


def test_a_gate_changes_what_its_own_stage_shows(gated) -> None:
    with_gate = explain(gated, FRAME, stages=["4"], category=2).stages[0].weights
    without = explain(saccade.gates.remove(gated), FRAME, stages=["4"], category=2).stages[0].weights
    assert not np.allclose(with_gate, without, atol=0.01)


def test_scores_follow_the_region_and_the_rule(gated) -> None:
    region = np.zeros((64, 64), dtype=bool)
    region[16:48, 16:48] = True
    score = explain(gated, FRAME, stages=["4"], category=1, region=region).stages[0].score
    opposite = explain(gated, FRAME, stages=["4"], category=1, region=region, rule=ScoreRule(base=None)).stages[0].score
    assert 0 < score.value < 1
    assert score.value != opposite.value
    assert explain(gated, FRAME, stages=["4"], category=1, region=~region).stages[0].score.inside == pytest.approx(
        explain(gated, FRAME, stages=["4"], category=1, region=region, rule=ScoreRule(threshold=0))
        .stages[0]
        .score.outside
    )


def test_what_does_not_fit_is_an_error(gated) -> None:
    with pytest.raises(StageError, match="no stage or module '9'"):
        explain(gated, FRAME, stages=["9"])
    with pytest.raises(RegionError, match="expected \\(H, W\\), both equal"):
        explain(gated, FRAME, region=np.ones((8, 8), dtype=bool))
    with pytest.raises(ExplanationError, match="class 6 is out of range"):
        explain(gated, FRAME, category=6)
