"""What a network's gates do with a frame: each gate's own map, and where DAS's deformable kernel looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saccade.errors import ExplanationError
from saccade.gates import DAS, Gate


@dataclass(frozen=True)
class GateView:
    """One gate and one frame.

    Attributes:
        name: the gate's module in the network.
        kind: the gate's class.
        attention: (h, w) float32, the mean of the gate's map over its channels; (1, 1) for a gate that weighs
            channels only.
        lowest, highest: of the whole map, before the mean.
        positions: (G, K, 2, h, w) float32, where each of K taps of each of G offset groups looks: (y, x) in places
            of the features; None for a gate that does not move.
        mask: (G, K, h, w) float32, how much each of these looks counts; None likewise.
    """

    name: str
    kind: str
    attention: npt.NDArray[np.float32]
    lowest: float
    highest: float
    positions: npt.NDArray[np.float32] | None = None
    mask: npt.NDArray[np.float32] | None = None

    @property
    def largest_offset(self) -> float | None:
        """The longest way that a tap is moved from its regular place, in places; None for a gate that does not move."""
        if self.positions is None:
            return None
        moved = self.positions - _regular(self.positions.shape)
        return float(np.sqrt((moved**2).sum(axis=2)).max())


def look_at_gates(model: nn.Module, frame: Tensor) -> list[GateView]:
    """Returns what each gate of a network does with a frame, in the order in which they run.

    Args:
        model: the network; run once in evaluation mode, and left as it was found.
        frame: (1, 3, H, W), as the model takes it.

    Returns:
        One view a gate; none for a network without gates. A gate that runs more than once has one for each time.

    Raises:
        ExplanationError: there is more than one frame.
    """
    if len(frame) != 1:
        raise ExplanationError(f"there are {len(frame)} frames; expected one, of (1, 3, H, W)")
    names = {module: name for name, module in model.named_modules() if isinstance(module, Gate)}
    taken: list[tuple[Gate, tuple[Any, ...]]] = []
    handles = [gate.register_forward_pre_hook(lambda gate, inputs: taken.append((gate, inputs))) for gate in names]
    modes = [(module, module.training) for module in model.modules()]
    device = next((parameter.device for parameter in model.parameters()), frame.device)
    try:
        with torch.no_grad():
            model.eval()(frame.to(device).clone())
            for handle in handles:
                handle.remove()
            return [_view(names[gate], gate, inputs) for gate, inputs in taken]
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training


def _view(name: str, gate: Gate, inputs: tuple[Any, ...]) -> GateView:
    attention = gate.attention(*inputs)[0].float().cpu()
    view = GateView(
        name,
        type(gate).__name__,
        attention.mean(0).numpy(),
        float(attention.min()),
        float(attention.max()),
    )
    if not isinstance(gate, DAS):
        return view
    sampling = gate.sampling(inputs[0])
    positions, mask = sampling.positions()[0].float().cpu().numpy(), sampling.mask[0].float().cpu().numpy()
    return GateView(view.name, view.kind, view.attention, view.lowest, view.highest, positions, mask)


def _regular(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Returns where taps look that are not moved, (1, K, 2, h, w), (y, x) in places."""
    _, taps, _, height, width = shape
    side = round(taps**0.5)
    tap_y, tap_x = (grid.reshape(taps, 1, 1) - side // 2 for grid in np.mgrid[:side, :side])
    y, x = np.mgrid[:height, :width]
    return np.stack((y + tap_y, x + tap_x), axis=1)[None].astype(np.float32)
