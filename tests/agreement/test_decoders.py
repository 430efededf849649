"""Decoders: what they recognise, and boxes that are known beforehand."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch

from saccade.agreement import decode, decoders, find_decoder
from saccade.errors import MetricError


def quiet_map(height: int = 4, width: int = 6, classes: int = 80) -> torch.Tensor:
    maps = torch.zeros(1, 5 + classes, height, width)
    maps[:, 5] = 1.0
    return maps


def faceless(priors: int = 4420) -> tuple[torch.Tensor, torch.Tensor]:
    scores = torch.zeros(1, priors, 2)
    scores[..., 0] = 1.0
    return scores, torch.zeros(1, priors, 4)


def test_fastestdet_places_a_box_where_its_cell_and_numbers_say() -> None:
    maps = quiet_map()
    maps[0, 0, 2, 3] = 0.9
    maps[0, 5:, 2, 3] = 0.0
    maps[0, 5 + 7, 2, 3] = 1.0
    maps[0, 1:5, 2, 3] = torch.tensor([math.atanh(0.5), 0.0, 0.0, math.log(1 / 3)])  # width 1/2, height 1/4
    (found,) = decode(maps)
    assert found.labels.tolist() == [7]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.relative
    left, top, right, bottom = found.boxes[0].tolist()
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((3.5 / 6, 2 / 4))
    assert (right - left, bottom - top) == pytest.approx((0.5, 0.25))


def test_fastestdet_keeps_the_surer_of_two_boxes_of_one_class_only() -> None:
    maps = quiet_map()
    for column, objectness in ((2, 0.8), (3, 0.9)):
        maps[0, 0, 1, column] = objectness
        maps[0, 3:5, 1, column] = 2.0
    (found,) = decode(maps)
    assert found.scores.tolist() == pytest.approx([0.9])
    maps[0, 5, 1, 2], maps[0, 6, 1, 2] = 0.0, 1.0
    (found,) = decode(maps)
    assert found.labels.tolist() == [0, 1]


def test_fastestdet_recognises_its_map_and_no_other() -> None:
    decoder = decoders.get("fastestdet")
    assert decoder.recognises(quiet_map())
    assert decoder.recognises([quiet_map(classes=3)])
    assert not decoder.recognises(quiet_map() * 2)
    assert not decoder.recognises(torch.rand(1, 85, 4, 6))
    assert not decoder.recognises((quiet_map(), quiet_map()))
    assert not decoder.recognises(torch.rand(1, 10))


def test_ultraface_moves_its_prior_by_the_offsets() -> None:
    scores, offsets = faceless()
    place = 3 * (40 * 5 + 7) + 1  # the second prior, of 16 pixels, of row 5 and column 7 at stride 8
    scores[0, place] = torch.tensor([0.1, 0.9])
    offsets[0, place] = torch.tensor([1.0, -1.0, 0.0, 5 * math.log(2)])
    (found,) = decode((scores, offsets))
    assert found.labels.tolist() == [0]
    left, top, right, bottom = found.boxes[0].tolist()
    assert ((left + right) / 2 * 320, (top + bottom) / 2 * 240) == pytest.approx((60 + 1.6, 44 - 1.6), abs=1e-3)
    assert ((right - left) * 320, (bottom - top) * 240) == pytest.approx((16, 32), abs=1e-3)


def test_ultraface_recognises_its_published_sizes_only() -> None:
    decoder = decoders.get("ultraface")
    assert decoder.recognises(faceless())
    assert decoder.recognises(faceless(17640))
    assert not decoder.recognises(faceless(4421))
    assert not decoder.recognises((torch.ones(1, 4420, 2), torch.zeros(1, 4420, 4)))
    assert not decoder.recognises(faceless()[0])


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool])
def test_no_decoder_takes_outputs_that_are_no_floats_for_its_own(dtype: torch.dtype) -> None:
    scores, offsets = faceless()
    nothing = torch.zeros(0)
    boxes = {"boxes": torch.zeros(0, 4).to(dtype), "scores": nothing, "labels": nothing}
    for outputs in (quiet_map().to(dtype), (scores.to(dtype), offsets), (scores, offsets.to(dtype)), [boxes]):
        assert find_decoder(outputs) is None
    with pytest.raises(MetricError, match=rf"\(1, 85, 4, 6\) of {dtype}"):
        decode(quiet_map().to(dtype), "fastestdet")


def test_an_empty_picture_has_no_finds() -> None:
    assert [len(found) for found in decode(quiet_map())] == [0]
    assert [len(found) for found in decode(faceless())] == [0]


def test_outputs_that_no_decoder_reads_say_what_is_known() -> None:
    assert find_decoder(torch.rand(1, 3, 8, 8)) is None
    with pytest.raises(MetricError, match=r"a tensor \(1, 3, 8, 8\); known: fastestdet, torchvision, ultraface"):
        decode(torch.rand(1, 3, 8, 8))


@pytest.fixture(scope="module")
def people() -> torch.Tensor:
    """Returns a frame (1, 3, 480, 640) of one person at a webcam, grey levels 0..255."""
    if not os.environ.get("SACCADE_DATA"):
        pytest.skip("needs a real clip and models: set SACCADE_DATA to the folder that holds data and models")
    from saccade.video import open_source

    with open_source(str(Path(os.environ["SACCADE_DATA"]) / "data" / "video" / "asl-sister.mkv")) as source:
        return torch.tensor(next(iter(source)).rgb).permute(2, 0, 1)[None].float()


def outputs_of(model: str, frame: torch.Tensor) -> object:
    import saccade

    return saccade.incremental(str(Path(os.environ["SACCADE_DATA"]) / "models" / model), threads=1)(frame)


def test_the_trained_fastestdet_finds_the_person(people: torch.Tensor) -> None:
    frame = torch.nn.functional.interpolate(people, (352, 352), mode="bilinear", antialias=True).flip(1) / 255
    (found,) = decode(outputs_of("fastestdet-coco.onnx", frame))
    assert 0 in found.labels.tolist()
    left, top, right, bottom = found.boxes[found.labels.tolist().index(0)].tolist()
    assert right - left > 0.3
    assert bottom - top > 0.6


def test_the_trained_ultraface_finds_the_face_in_the_upper_half(people: torch.Tensor) -> None:
    frame = (torch.nn.functional.interpolate(people, (240, 320), mode="bilinear", antialias=True) - 127) / 128
    (found,) = decode(outputs_of("ultraface-rfb320.onnx", frame))
    assert len(found) == 1
    left, top, right, bottom = found.boxes[0].tolist()
    assert 0 < left < 0.5 < right < 1
    assert 0 < top < (top + bottom) / 2 < 0.5
