"""Every form of the deformable convolution against its definition written out as loops, and against torchvision's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from formulas import array
from formulas import deformable_convolution as definition
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import deform_conv2d

from saccade.errors import GateError, RegistryError
from saccade.gates.deformable_convolution import deformable_convolution, deformable_convolutions

FORMS = [*deformable_convolutions.names(), "auto"]
forms = pytest.mark.parametrize("form", FORMS)


def case(
    seed: int = 0,
    batch: int = 2,
    channels: int = 4,
    outputs: int = 6,
    size: tuple[int, int] = (5, 4),
    side: int = 3,
    groups: int = 1,
    offset_groups: int = 1,
    reach: float = 2.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns features, offsets, mask and weights in float64."""
    torch.manual_seed(seed)
    taps = side * side
    return (
        torch.randn(batch, channels, *size, dtype=torch.float64),
        reach * torch.randn(batch, 2 * taps * offset_groups, *size, dtype=torch.float64),
        torch.rand(batch, taps * offset_groups, *size, dtype=torch.float64),
        torch.randn(outputs, channels // groups, side, side, dtype=torch.float64),
    )


def close(result: Tensor, right: np.ndarray | Tensor) -> None:
    right = torch.from_numpy(right) if isinstance(right, np.ndarray) else right
    torch.testing.assert_close(result, right.to(result.dtype), rtol=1e-9, atol=1e-9)


@forms
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch": 1},
        {"side": 1},
        {"side": 5},
        {"size": (1, 1)},
        {"size": (1, 6)},
        {"groups": 2},
        {"groups": 4, "outputs": 4},
        {"groups": 4, "outputs": 8},
        {"offset_groups": 2},
        {"offset_groups": 4, "groups": 2, "batch": 1},
    ],
    ids=str,
)
def test_a_form_computes_the_definition(form, options) -> None:
    x, offset, mask, weight = case(**options)
    expected = definition(array(x), array(offset), array(mask), array(weight))
    close(deformable_convolution(x, offset, mask, weight, form), expected)


@forms
def test_without_a_mask_every_tap_counts_fully(form) -> None:
    x, offset, _, weight = case()
    close(
        deformable_convolution(x, offset, None, weight, form), definition(array(x), array(offset), None, array(weight))
    )


@forms
def test_without_offsets_and_mask_it_is_an_ordinary_convolution(form) -> None:
    x, offset, _, weight = case()
    expected = torch.nn.functional.conv2d(x, weight, padding=1)
    close(deformable_convolution(x, torch.zeros_like(offset), None, weight, form), expected)


@forms
@pytest.mark.parametrize("reach", [1e-7, 1.0, 100.0, 1e12])
def test_offsets_may_point_far_outside(form, reach) -> None:
    x, offset, mask, weight = case(reach=reach)
    expected = deform_conv2d(x, offset, weight, padding=1, mask=mask)
    close(deformable_convolution(x, offset, mask, weight, form), expected)


@forms
@pytest.mark.parametrize("move", [-6.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 6.5])
def test_whole_and_half_places_at_and_beyond_the_border_are_exact(form, move) -> None:
    x, offset, mask, weight = case()
    offset = torch.full_like(offset, move)
    expected = definition(array(x), array(offset), array(mask), array(weight))
    close(deformable_convolution(x, offset, mask, weight, form), expected)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    side=st.sampled_from([1, 3, 5]),
    groups=st.sampled_from([1, 2, 4]),
    offset_groups=st.sampled_from([1, 2, 4]),
    masked=st.booleans(),
    channels_last=st.booleans(),
    reach=st.sampled_from([0.1, 1.0, 5.0]),
)
def test_all_forms_agree_with_torchvision_on_any_shape(
    seed, batch, size, side, groups, offset_groups, masked, channels_last, reach
) -> None:
    x, offset, mask, weight = case(
        seed, batch, 4, 8, size, side=side, groups=groups, offset_groups=offset_groups, reach=reach
    )
    if channels_last:
        x, offset, mask, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, offset, mask, weight))
    mask = mask if masked else None
    expected = deform_conv2d(x, offset, weight, padding=side // 2, mask=mask)
    for form in FORMS:
        close(deformable_convolution(x, offset, mask, weight, form), expected)


@pytest.mark.parametrize("form", deformable_convolutions.names())
@pytest.mark.parametrize("options", [{}, {"groups": 4, "outputs": 4}, {"groups": 2, "offset_groups": 2}], ids=str)
def test_the_gradients_are_those_of_finite_differences(form, options) -> None:
    # Between places, since the slope jumps at whole ones.
    x, offset, mask, weight = case(batch=1, size=(3, 3), **options)
    offset = offset.floor() + 0.2 + 0.6 * torch.rand_like(offset)
    inputs = [t.requires_grad_() for t in (x, offset, mask, weight)]
    assert torch.autograd.gradcheck(lambda *args: deformable_convolution(*args, form), inputs)


@pytest.mark.parametrize("form", ["rows", "grid_sample"])
@pytest.mark.parametrize("size", [(7, 6), (1, 1)])
def test_the_gradients_are_those_of_torchvision(form, size) -> None:
    inputs = [t.requires_grad_() for t in case(size=size)]
    direction = torch.randn(2, 6, *size, dtype=torch.float64)
    results = [
        torch.autograd.grad(deformable_convolution(*inputs, name), inputs, direction) for name in (form, "torchvision")
    ]
    for mine, theirs in zip(*results, strict=True):
        close(mine, theirs)


@pytest.mark.parametrize("form", ["rows", "grid_sample", "auto"])
def test_offsets_that_are_not_numbers_do_not_pass_unnoticed(form) -> None:
    x, offset, mask, weight = (t.float() for t in case())
    offset[0, 0, 2, 2] = float("nan")
    result = deformable_convolution(x, offset, mask, weight, form)
    assert result[0, :, 2, 2].isnan().all()
    assert not result[1].isnan().any()


@forms
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("groups", [1, 4])
def test_the_type_of_the_features_is_kept_and_the_result_close(form, kind, groups) -> None:
    x, offset, mask, weight = case(groups=groups, outputs=4)
    result = deformable_convolution(*(t.to(kind) for t in (x, offset, mask, weight)), form)
    assert result.dtype == kind
    expected = deformable_convolution(*(t.to(kind).double() for t in (x, offset, mask, weight)), form)
    tolerance = 2e-6 if kind == torch.float32 else 2 ** (-6 if kind == torch.bfloat16 else -8)
    assert (result.double() - expected).norm() <= tolerance * expected.norm()


@pytest.mark.parametrize(
    ("channels", "gradients", "form"),
    [
        (4, False, "grid_sample"),
        (16, False, "rows"),
        (16, True, "grid_sample"),
        (48, False, "rows"),
        (48, True, "rows"),
    ],
)
def test_the_form_on_a_cpu_goes_by_the_channels_and_by_whether_gradients_are_needed(channels, gradients, form) -> None:
    tensors = [torch.randn(shape) for shape in ((1, channels, 5, 5), (1, 18, 5, 5), (1, 9, 5, 5), (3, channels, 3, 3))]
    tensors = [tensor.requires_grad_(gradients) for tensor in tensors]
    other = {"rows": "grid_sample", "grid_sample": "rows"}[form]
    taken = deformable_convolution(*tensors)
    assert torch.equal(taken, deformable_convolution(*tensors, form))
    assert not torch.equal(taken, deformable_convolution(*tensors, other))


@forms
def test_nothing_depends_on_what_fresh_memory_holds(form) -> None:
    x, offset, mask, weight = (t.float() for t in case(size=(8, 8)))
    expected = deformable_convolution(x, offset, mask, weight, form)
    # Fill the allocator's free blocks of all sizes in use with values that would spread.
    waste = [torch.full((2**power,), float("nan")) for power in range(4, 18) for _ in range(4)]
    del waste
    assert torch.equal(deformable_convolution(x, offset, mask, weight, form), expected)


@pytest.mark.parametrize("form", ["rows", "auto"])
@pytest.mark.parametrize("groups", [1, 4])
def test_channels_last_features_give_channels_last_results(form, groups) -> None:
    x, offset, mask, weight = (t.contiguous(memory_format=torch.channels_last) for t in case(groups=groups, outputs=4))
    result = deformable_convolution(x, offset, mask, weight, form)
    assert result.is_contiguous(memory_format=torch.channels_last)
    contiguous = deformable_convolution(x.contiguous(), offset, mask, weight.contiguous(), form)
    close(result, contiguous)
    if groups == 1:
        assert contiguous.is_contiguous()


def test_an_even_kernel_is_an_error() -> None:
    x, offset, mask, _ = case()
    with pytest.raises(GateError, match="side 2; give an odd one"):
        deformable_convolution(x, offset, mask, torch.zeros(6, 4, 2, 2))


def test_an_unknown_form_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="unknown form of the deformable convolution 'cuda'; known: grid_sample, "):
        deformable_convolution(*case(), form="cuda")


@forms
def test_a_gpu_computes_the_same_as_the_cpu(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # which rounds a convolution's operands to 10 bits
    values = [tensor.float().requires_grad_() for tensor in case(size=(9, 7))]
    moved = [tensor.detach().cuda().requires_grad_() for tensor in values]
    expected, result = (deformable_convolution(*given, form=form) for given in (values, moved))
    torch.testing.assert_close(result.cpu(), expected, rtol=1e-4, atol=1e-4)
    for outputs in (expected, result):
        outputs.square().sum().backward()
    for own, other in zip(values, moved, strict=True):
        torch.testing.assert_close(other.grad.cpu(), own.grad, rtol=1e-3, atol=1e-3)
