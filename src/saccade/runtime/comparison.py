"""Compares frames cell by cell in one native sweep, and tensors bit by bit."""

from __future__ import annotations

import torch

from saccade.policy.change import CellChange
from saccade.policy.change import compare_cells as compare_in_torch
from saccade.runtime import native


def compare_cells(frame: torch.Tensor, reference: torch.Tensor, instruction_set: str = "") -> CellChange:
    """Returns how a frame differs from a reference, as ``saccade.policy.change.compare_cells`` defines it.

    Native for contiguous (N, C, H, W) float32 or uint8 on the CPU; anything else is compared in torch.

    Args:
        frame: (N, C, H, W).
        reference: of the same shape and type.
        instruction_set: "" chooses the best that this processor runs.
    """
    if not _suits(frame) or not _suits(reference) or frame.shape != reference.shape or frame.dtype != reference.dtype:
        return compare_in_torch(frame, reference)
    return native.compare_cells(
        frame.data_ptr(), reference.data_ptr(), frame.dtype == torch.uint8, list(frame.shape), instruction_set
    )


def _suits(frame: torch.Tensor) -> bool:
    return (
        frame.dim() == 4
        and frame.dtype in (torch.float32, torch.uint8)
        and frame.is_cpu
        and frame.is_contiguous()
        and frame.numel() > 0
    )


def take_over(copy: torch.Tensor, values: torch.Tensor, instruction_set: str = "") -> tuple[float, float]:
    """Copies values, and returns the squared norms of what they differ by from the copy before, and of their own.

    Args:
        copy: contiguous float32 on the CPU; overwritten.
        values: of the same shape, and of any type.
        instruction_set: "" chooses the best that this processor runs.
    """
    if values.dtype != torch.float32 or not values.is_contiguous():
        values = values.to(torch.float32).contiguous()
    return native.take_over(values.data_ptr(), copy.data_ptr(), copy.numel(), instruction_set)


def all_finite(values: torch.Tensor, instruction_set: str = "") -> bool:
    """Returns whether every value is a finite number."""
    if values.dtype != torch.float32 or not values.is_contiguous() or not values.is_cpu:
        return bool(values.isfinite().all())
    return native.are_finite(values.data_ptr(), values.numel(), instruction_set)


def same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Returns whether two tensors of one shape agree bit for bit, NaN and the sign of zero included."""
    return left.dtype == right.dtype and not bool(_different_bits(left, right).any())


def _different_bits(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Returns where two contiguous tensors of one shape and type differ in any bit."""
    if not left.is_floating_point():
        return left != right
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[left.element_size()]
    return left.contiguous().view(whole) != right.contiguous().view(whole)
