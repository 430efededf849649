"""Grad-CAM through the grad-cam package, so that a network comes back exactly as it was.

Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
arXiv 1610.02391. The package registers hooks on the network, switches it to evaluation, clears its gradients and leaves
new ones in every parameter; all of that is undone here, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saccade.errors import ExplanationError, MissingPackageError

Maps = npt.NDArray[np.float32]

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Explained:
    """What a network looked at in a batch of frames.

    Attributes:
        maps: by layer, in the order asked for, each (N, H, W) float32 from 0 to 1 at the frames' size: the weights w.
        classes: (N) the classes that were explained.
        probabilities: (N) the softmax probabilities that the network gives them.
        first_choices: (N) the classes that the network itself finds likeliest.
    """

    maps: tuple[Maps, ...]
    classes: tuple[int, ...]
    probabilities: tuple[float, ...]
    first_choices: tuple[int, ...]


def grad_cam(
    model: nn.Module, frames: Tensor, layers: Sequence[nn.Module], classes: Sequence[int] | None = None
) -> Explained:
    """Returns how much each place mattered for a class: ReLU of the gradient-weighted sum of a layer's channels.

    The map of each frame is scaled from its smallest to its largest value (to 0 where it is the same everywhere), then
    stretched to the frame's size bilinearly.

    Args:
        model: a classifier, frames -> logits (N, K). Evaluation mode is used; parameters, their gradients, modes and
            hooks are left as they were found.
        frames: (N, 3, H, W), as the model takes them.
        layers: modules of the model whose output (N, C, h, w) to look at.
        classes: (N) indices from 0 to K-1; the model's own first choices by default.

    Raises:
        MissingPackageError: the grad-cam package is not installed.
        ExplanationError: the model is no classifier, a class is out of range, or a layer cannot be looked at.

    Source: Eq. 1 and 2 of arXiv 1610.02391.
    """
    method = _method()
    device = next((parameter.device for parameter in model.parameters()), None)
    if device is None:
        raise ExplanationError(f"{type(model).__name__} has no parameters, so there is nothing to explain")
    frames = frames.detach().to(device)
    with _as_it_was(model), torch.inference_mode(False), torch.enable_grad():
        logits = _logits(model, frames, layers)
        first_choices = tuple(int(index) for index in logits.argmax(1))
        chosen = first_choices if classes is None else tuple(classes)
        _check_classes(chosen, logits)
        probabilities = logits.float().softmax(1)[torch.arange(len(chosen)), list(chosen)]
        maps = tuple(_map_of_layer(method, model, frames, layer, chosen) for layer in layers)
    return Explained(maps, chosen, tuple(float(value) for value in probabilities), first_choices)


def _map_of_layer(method: Any, model: nn.Module, frames: Tensor, layer: nn.Module, classes: Sequence[int]) -> Maps:
    """Returns one layer's maps; a pass of its own, because the package pairs several layers by order of execution."""
    targets = [_LogitOf(index) for index in classes]
    # Frozen networks have gradients only if the frames ask for them; a copy of those, for an in-place first layer.
    asking = frames.clone().requires_grad_().clone()
    cam = method(model, [layer], reshape_transform=_own_copy)
    try:
        maps: Maps = cam(asking, targets)
    finally:
        cam.activations_and_grads.release()
    if not np.isfinite(maps).all():
        raise ExplanationError(f"Grad-CAM of a {_kind(layer)} is not a number in places; check the weights and frames")
    return np.clip(maps, 0, 1)


@dataclass(frozen=True)
class _LogitOf:
    """What is differentiated: one frame's logit of a class."""

    index: int

    def __call__(self, logits: Tensor) -> Tensor:
        return logits[self.index]


@lru_cache(maxsize=1)
def _method() -> Any:
    """Returns the package's Grad-CAM, as a class that keeps to one layer and to one scaling.

    Raises:
        MissingPackageError: the package is not installed.
    """
    try:
        from pytorch_grad_cam import GradCAM
    except ImportError as error:
        raise MissingPackageError(
            f"Grad-CAM needs the grad-cam package, which cannot be imported ({error}); "
            "run: pip install 'saccade[explain]'"
        ) from error

    class OneLayer(GradCAM):  # type: ignore[misc]
        def get_cam_weights(self, frames: Any, layer: Any, targets: Any, activations: Any, gradients: Any) -> Any:
            if gradients is None:
                raise ExplanationError(f"the logits do not depend on the output of the {_kind(layer)}; choose another")
            return super().get_cam_weights(frames, layer, targets, activations, gradients)

        def get_cam_image(self, *arguments: Any, **keywords: Any) -> Any:
            # The package divides by the largest value plus 1e-7, which flattens the maps of small gradients.
            return _scaled(np.maximum(super().get_cam_image(*arguments, **keywords), 0))

        def aggregate_multi_layers(self, maps: list[Maps]) -> Maps:
            # The package would scale the stretched map once more.
            return np.asarray(maps[0][:, 0], dtype=np.float32)

    return OneLayer


def _scaled(maps: Maps) -> Maps:
    """Returns maps (N, h, w) of 0 or more, each from 0 to 1; 0 where one is the same everywhere but for rounding."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    span = high - low
    scaled: Maps = np.where(span > _ROUNDING * high, (maps - low) / np.where(span > 0, span, 1), 0)
    return np.where(np.isfinite(high), scaled, np.nan)


def _own_copy(values: Tensor) -> Tensor:
    """Returns a copy as float32: an in-place activation after the layer would overwrite what was noted."""
    return values.detach().clone().float()


def _logits(model: nn.Module, frames: Tensor, layers: Sequence[nn.Module]) -> Tensor:
    """Returns the logits (N, K), after a look at whether the layers can be explained.

    Raises:
        ExplanationError: they cannot, or the model is no classifier.
    """
    outputs: list[list[Any]] = [[] for _ in layers]
    handles = [
        layer.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(output))
        for layer, seen in zip(layers, outputs, strict=True)
    ]
    try:
        with torch.no_grad():
            logits = model(frames.clone())  # for an in-place first layer
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(frames):
        raise ExplanationError(
            f"the model gave {_described(logits)} for {len(frames)} frames; Grad-CAM explains classifiers: expected "
            "one tensor of logits (N, classes)"
        )
    for layer, seen in zip(layers, outputs, strict=True):
        if len(seen) != 1:
            raise ExplanationError(f"the {_kind(layer)} runs {len(seen)} times in a pass; choose one that runs once")
        if not isinstance(seen[0], Tensor) or seen[0].ndim != 4:
            raise ExplanationError(
                f"the {_kind(layer)} gives {_described(seen[0])}; Grad-CAM needs features of (N, C, H, W)"
            )
    return logits


def _check_classes(classes: Sequence[int], logits: Tensor) -> None:
    if len(classes) != len(logits):
        raise ExplanationError(f"{len(classes)} classes for {len(logits)} frames; give one a frame")
    for index in classes:
        if not 0 <= index < logits.shape[1]:
            raise ExplanationError(
                f"class {index} is out of range; the model knows 0 to {logits.shape[1] - 1}: give one of these, and "
                "compare networks of the same classes only"
            )


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Switches a model to evaluation with frozen parameters, and back: modes, parameters' flags and gradients."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, wanted, gradient in flags:
            parameter.requires_grad_(wanted)
            parameter.grad = gradient


def _kind(layer: nn.Module) -> str:
    return f"module {type(layer).__name__}"


def _described(value: Any) -> str:
    return f"a tensor of {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
