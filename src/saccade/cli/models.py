"""From what a user types after --model to a model."""

from __future__ import annotations

import copy
import difflib
import importlib
import sys
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from saccade.cli.gate_choice import GateChoice
from saccade.cli.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from saccade.errors import ModelError, UnknownModelError, WeightsError

FORMS = "torchvision:NAME, timm:NAME, an .onnx file, a .safetensors file of saccade train, or module.path:factory"


@dataclass(frozen=True)
class ChosenModel:
    """A model and what is known about its frames.

    Attributes:
        name: as the user typed it.
        model: a module in eval mode, or the path of an ONNX file.
        preprocessing: what its weights were trained with, as far as known.
        categories: names of its classes, or none.
        warning: a line that the user should read, or None.
    """

    name: str
    model: nn.Module | Path
    preprocessing: Preprocessing
    categories: tuple[str, ...] = field(default=(), repr=False)
    warning: str | None = None


def choose_model(name: str, weights: str | None = None, gate: GateChoice | None = None) -> ChosenModel:
    """Returns the model of a name.

    Args:
        name: torchvision:NAME, timm:NAME, a path to an ONNX file or to a safetensors file that ``saccade train`` left,
            or module.path:factory.
        weights: a .safetensors, .pt, .pth or .th file; or DEFAULT for the pretrained weights that torchvision
            or timm publish, which are downloaded once.
        gate: gates to put into it, whose weights the file of weights may hold as well.

    Raises:
        UnknownModelError: when there is no such model; names close ones.
        ModelError: when gates are asked for in an ONNX file.
        RegistryError: when there is no such gate.
        GateError: when the gate cannot be put there, or has no such option.
        WeightsError: when the weights are missing, unsafe or do not fit.
        MissingPackageError: when timm is asked for and not installed.
    """
    if name.lower().endswith(".onnx"):
        chosen = _from_onnx(name, weights)
        if gate is not None:
            gate.put_into(chosen.model, None)
        return chosen
    if name.lower().endswith(".safetensors"):
        return _from_training(name, weights, gate)
    kind, separator, rest = name.partition(":")
    if not separator or not rest:
        raise UnknownModelError(f"unknown model {name!r}; expected {FORMS}{_hint(name)}")
    if weights == "":
        raise WeightsError("no weights were named; give a file or DEFAULT after --weights, or leave it out")
    pretrained = weights is not None and weights.upper() == "DEFAULT"
    if kind == "torchvision":
        chosen = _from_torchvision(name, rest, pretrained)
    elif kind == "timm":
        chosen = _from_timm(name, rest, pretrained)
    else:
        chosen = _from_factory(name, kind, rest)
        if pretrained:
            raise WeightsError(f"--weights DEFAULT means nothing to {name!r}; give a file, or load them in the factory")
    model = chosen.model
    assert isinstance(model, nn.Module)
    file = Path(weights) if weights is not None and not pretrained else None
    if gate is not None:
        warning = gate.put_into(model, file)
        chosen = replace(chosen, name=f"{name} + {gate.name}", warning=warning)
    elif file is not None:
        from saccade.models.weights import load_weights

        load_weights(model, file)
    model.eval().requires_grad_(False)
    if weights is None and kind in ("torchvision", "timm"):
        line = f"the weights of {name} are random: give --weights FILE, or --weights DEFAULT for the published ones"
        return replace(chosen, categories=(), warning=line)
    return chosen


def _from_torchvision(full_name: str, name: str, pretrained: bool) -> ChosenModel:
    import torchvision

    from saccade.models.backbone import torchvision_model

    model = torchvision_model(name, pretrained)
    published = torchvision.models.get_model_weights(name).DEFAULT
    transforms = published.transforms()
    mean, std = getattr(transforms, "mean", None), getattr(transforms, "std", None)
    # torchvision's detectors normalise inside the model; what they take is 0..1.
    preprocessing = Preprocessing(mean=tuple(mean), std=tuple(std)) if mean and std else Preprocessing()
    return ChosenModel(full_name, model, preprocessing, tuple(published.meta.get("categories", ())))


def _from_timm(full_name: str, name: str, pretrained: bool) -> ChosenModel:
    from saccade.models.backbone import timm_model

    model = timm_model(name, pretrained)
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    fixed = tuple(config["input_size"][-2:]) if config.get("fixed_input_size") else None
    mean, std = config.get("mean", IMAGENET_MEAN), config.get("std", IMAGENET_STD)
    return ChosenModel(full_name, model, Preprocessing(size=fixed, mean=tuple(mean), std=tuple(std)))


def _from_onnx(name: str, weights: str | None) -> ChosenModel:
    path = Path(name)
    if not path.is_file():
        raise UnknownModelError(f"no ONNX file at {name!r}; expected {FORMS}; check the path")
    if weights is not None:
        raise WeightsError(f"{name!r} holds its own weights; leave --weights out")
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{name!r} is not an ONNX model that can be read ({reason}); export it again") from error
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    shape = [axis.dim_value for axis in inputs[0].type.tensor_type.shape.dim] if inputs else []
    size = (shape[2], shape[3]) if len(shape) == 4 and shape[2] > 0 and shape[3] > 0 else None
    return ChosenModel(name, path, Preprocessing(size=size))


def _from_training(name: str, weights: str | None, gate: GateChoice | None) -> ChosenModel:
    from saccade.training import load_trained

    if weights is not None or gate is not None:
        raise WeightsError(f"{name!r} holds its own weights and names its own gate; leave --weights and --gate out")
    trained = load_trained(Path(name))
    recipe = trained.recipe
    preprocessing = Preprocessing(size=(recipe.image_size, recipe.image_size), mean=recipe.mean, std=recipe.std)
    return ChosenModel(name, trained.network.requires_grad_(False), preprocessing, trained.classes)


def _from_factory(full_name: str, module_name: str, attribute: str) -> ChosenModel:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ModelError(f"importing {module_name!r} failed: {error}; install what it needs") from error
        raise UnknownModelError(
            f"unknown model {full_name!r}: no module {error.name!r} here or among the installed packages; "
            f"expected {FORMS}"
        ) from error
    except Exception as error:
        raise ModelError(f"importing {module_name!r} failed: {type(error).__name__}: {error}") from error
    factory = getattr(module, attribute, None)
    if factory is None:
        from saccade.models.backbone import close

        raise UnknownModelError(f"the module {module_name!r} has no {attribute!r}{close(attribute, vars(module))}")
    # A copy of a module that is there already: weights and gates go into it, and not into another user's.
    model = copy.deepcopy(factory) if isinstance(factory, nn.Module) else factory
    if not isinstance(factory, nn.Module):
        try:
            model = factory()
        except Exception as error:
            raise ModelError(f"{full_name}() failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{full_name} gave a {type(model).__name__}; expected a torch.nn.Module or a function of one")
    return ChosenModel(full_name, model, Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD))


def _hint(name: str) -> str:
    """Returns a hint for a name that lacks its prefix or its suffix."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchvision

    close = difflib.get_close_matches(name.strip(":"), torchvision.models.list_models(), n=1)
    return f"; did you mean 'torchvision:{close[0]}'?" if close else ""
