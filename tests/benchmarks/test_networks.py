"""The benchmarks' own networks."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
import torch
from networks import cifar_resnet20
from resized_fastestdet import resized

import saccade
from saccade.models.weights import load_weights


@pytest.fixture
def models() -> Path:
    """Returns the folder of published models."""
    folder = os.environ.get("SACCADE_DATA")
    if not folder:
        pytest.skip("needs published weights: set SACCADE_DATA to the folder that holds models")
    return Path(folder) / "models"


def test_the_class_map_of_a_large_frame_has_a_place_for_each_window() -> None:
    torch.manual_seed(0)
    model = cifar_resnet20()
    with torch.no_grad():
        assert model(torch.rand(1, 3, 192, 320)).shape == (1, 10, 6, 10)


def test_a_frame_of_one_window_is_answered_as_by_global_pooling(models: Path) -> None:
    model = cifar_resnet20()
    load_weights(model, models / "cifar10-resnet20-12fca82f.th")
    frame = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    features = {}
    model.layer3.register_forward_hook(lambda module, inputs, output: features.update(last=output))
    with torch.no_grad():
        answer = model(frame)
        expected = model.linear(features["last"].mean((2, 3)))
    assert answer.shape == (2, 10, 1, 1)
    assert torch.allclose(answer[..., 0, 0], expected, atol=1e-5)


def test_fastestdet_of_its_own_size_is_unchanged_and_of_another_runs(models: Path, tmp_path: Path) -> None:
    original = models / "fastestdet-coco.onnx"
    files = {}
    for size in ((352, 352), (64, 96)):
        files[size] = tmp_path / f"{size}.onnx"
        onnx.save(resized(onnx.load(original), *size), files[size])
    frame = torch.rand(1, 3, 352, 352, generator=torch.Generator().manual_seed(0))
    outputs = [saccade.incremental(path, threads=1)(frame) for path in (original, files[352, 352])]
    assert torch.equal(*outputs)
    small = frame[..., :64, :96].contiguous()
    wide = saccade.incremental(files[64, 96], threads=1)(small)
    assert wide.shape == (1, 85, 4, 6)
    assert torch.allclose(wide[:, 5:].sum(1), torch.ones(1, 4, 6), atol=1e-4)


def test_fastestdet_of_a_size_that_is_no_multiple_of_32_is_refused(models: Path) -> None:
    with pytest.raises(ValueError, match="100x96 was given; expected two multiples of 32"):
        resized(onnx.load(models / "fastestdet-coco.onnx"), 100, 96)
