"""A camera that pans over a made-up world."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from saccade.errors import CaptureError, FrameError, ModelError, PolicyError
from saccade.runtime import CanvasStream

SIDE = (128, 160)


class Maps(nn.Module):
    """Strides of 4 and of 8, and no more than a few pixels of context."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 4, 1)
        self.second = nn.Conv2d(8, 4, 3, 2, 1)

    def forward(self, frame: torch.Tensor) -> dict[str, torch.Tensor]:
        fine = torch.relu(self.first(frame))
        return {"fine": fine, "coarse": self.second(fine)}


def world(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, 500, 700)
    for cell in (4, 16, 64):
        noise = torch.rand(1, 3, 500 // cell + 2, 700 // cell + 2, generator=generator)
        picture += F.interpolate(noise, size=(500, 700), mode="bilinear", align_corners=False)
    return picture


WORLD = world()


def view(y: int, x: int, picture: torch.Tensor = WORLD) -> torch.Tensor:
    return picture[..., y : y + SIDE[0], x : x + SIDE[1]].contiguous()


def test_what_stands_still_in_the_world_is_not_computed_again() -> None:
    canvas = CanvasStream(Maps().eval(), margin=96, threads=1)
    canvas(view(100, 100))
    for step in range(1, 6):
        canvas(view(100 + step, 100 + 5 * step))
        assert canvas.position == (48 + step, 48 + 5 * step)
        assert canvas.motion is not None
        assert (canvas.motion.y, canvas.motion.x) == (-step, -5 * step)
        # Five columns and a row of new pixels, and what sees them.
        assert 0 < canvas.last_frame.macs_done < 0.2 * canvas.last_frame.macs_dense
    assert (canvas.lost, canvas.moves) == (0, 0)


def test_the_outputs_are_those_of_a_dense_pass_of_the_canvas_bit_for_bit() -> None:
    canvas = CanvasStream(Maps().eval(), margin=32, threads=1)
    for step in range(20):
        outputs = canvas(view(100 + 2 * step, 100 + 4 * step))
        dense = canvas.dense()
        assert all(torch.equal(outputs[name], dense[name]) for name in outputs)
    assert canvas.moves > 0


def test_the_outputs_inside_the_frame_are_the_networks_own_where_the_grids_agree() -> None:
    model = Maps().eval()
    canvas = CanvasStream(model, margin=64, threads=1)
    canvas(view(100, 100))
    for step in (8, 16, 24):
        frame = view(100, 100 + step)
        outputs = canvas(frame)
        assert canvas.offset(8) == (0, 0)
        with torch.no_grad():
            expected = model(frame)
        for name, output in outputs.items():
            assert output.shape == expected[name].shape
            inner = (..., slice(1, -1), slice(1, -1))
            assert torch.allclose(output[inner], expected[name][inner], atol=1e-5)


def test_an_offset_says_where_the_first_cell_begins() -> None:
    canvas = CanvasStream(Maps().eval(), margin=64, threads=1)
    canvas(view(100, 100))
    canvas(view(103, 110))
    assert canvas.position == (35, 42)
    assert canvas.offset(8) == (3, 2)
    assert canvas.offset(4) == (3, 2)


def test_a_frame_that_would_leave_the_canvas_is_laid_at_its_other_end() -> None:
    canvas = CanvasStream(Maps().eval(), margin=32, threads=1)
    places = []
    for step in range(8):
        canvas(view(100, 100 + 6 * step))
        places.append(canvas.position[1])
    assert places == [16, 22, 28, 0, 6, 12, 18, 24]
    assert canvas.moves == 1


def test_a_cut_and_a_motion_too_fast_to_tell_are_computed_in_place() -> None:
    canvas = CanvasStream(Maps().eval(), margin=64, threads=1)
    canvas(view(100, 100))
    canvas(view(100, 104))
    for frame in (view(50, 50, world(1)), view(300, 400, world(1))):
        outputs = canvas(frame)
        assert canvas.position == (32, 36)
        dense = canvas.dense()
        assert torch.equal(outputs["coarse"], dense["coarse"])
    assert canvas.lost == 2
    canvas(view(302, 401, world(1)))
    assert canvas.position == (34, 37)


def test_another_size_begins_a_new_canvas() -> None:
    canvas = CanvasStream(Maps().eval(), margin=64, threads=1)
    canvas(view(100, 100))
    small = view(100, 100)[..., :64, :64].contiguous()
    assert canvas(small)["coarse"].shape == (1, 4, 8, 8)
    assert canvas.position == (32, 32)


def test_an_output_that_is_no_map_raises_an_error() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with pytest.raises(ModelError, match=r"outputs are all maps"):
        CanvasStream(model, threads=1)(view(0, 0))


def test_a_network_of_one_size_is_refused_by_the_size_of_the_canvas() -> None:
    bound = nn.Sequential(nn.Conv2d(3, 4, 32, 32), nn.Flatten(), nn.Linear(4 * 4 * 5, 2)).eval()
    with pytest.raises(CaptureError, match=r"canvas of a moving camera is 192x224 pixels.*margin of 64.*export it for"):
        CanvasStream(bound, margin=64)(WORLD[..., :128, :160])


@pytest.mark.parametrize("frame", [torch.zeros(3, 64, 64), "frame"])
def test_a_frame_that_is_no_picture_raises_an_error(frame) -> None:
    with pytest.raises(FrameError, match=r"takes one tensor \(N, C, H, W\)"):
        CanvasStream(Maps().eval())(frame)


@pytest.mark.parametrize("fields", [{"margin": 0}, {"agreement": 1.5}])
def test_a_margin_or_agreement_that_makes_no_sense_raises_an_error(fields) -> None:
    with pytest.raises(PolicyError, match="expected at least one pixel"):
        CanvasStream(Maps().eval(), **fields)


def test_a_canvas_begins_anew_when_the_number_of_images_changes() -> None:
    canvas = CanvasStream(Maps().eval(), margin=32, threads=1)
    pair = torch.cat([view(100, 100), view(100, 100)])
    assert canvas(pair)["fine"].shape[0] == 2
    assert canvas(view(100, 100))["fine"].shape[0] == 1
    assert canvas(pair)["fine"].shape[0] == 2


def test_frames_may_require_gradients_and_come_from_inference_mode() -> None:
    canvas = CanvasStream(Maps().eval(), margin=32, threads=1)
    with torch.inference_mode():
        canvas(view(100, 100).clone())
        canvas(view(101, 103).clone())
    for step in range(2, 4):
        outputs = canvas(view(100 + step, 100 + 3 * step).requires_grad_())
    assert not outputs["fine"].requires_grad
    assert torch.equal(outputs["fine"], canvas.dense()["fine"])
