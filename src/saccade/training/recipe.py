"""What a training run does, as one value that never changes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saccade.errors import RecipeError

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
Triple = tuple[float, float, float]
Options = tuple[tuple[str, Any], ...]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

LOADINGS = ("cached", "files")
DESCRIPTIONS = ("paper", "cost", "expected", "contenders", "data", "workers")
"""Fields that do not change what a run gives."""

_LATER = (
    "synchronise_norms", "validation", "task", "loading", "smallest_crop", "shorter_side", "pretrained", "detector",
    "longer_side", "proposals", "frozen_norms",
)  # fmt: skip
"""Fields that came later: at their default they leave the fingerprints of earlier runs as they were."""


@dataclass(frozen=True)
class Recipe:
    """A training run of an image classifier or a detector.

    Attributes:
        name: as the command line knows it.
        task: a name in ``saccade.training.tasks``: "classification" or "detection".
        data: a name in ``saccade.training.data_sets``: how the data folder is laid out.
        loading: "cached", decoded once at ``image_size`` and mapped into memory, for small images; "files", decoded
            anew every time by worker processes, for large ones.
        workers: processes that decode, for "files"; any number gives the same batches.
        network: a name in ``saccade.training.networks``, such as "cifar-resnet20" or "resnet18-small-images", or a
            backbone of ``saccade.models.create``.
        pretrained: "published" for the backbone's published weights; else a file of weights of the backbone or of the
            whole network, such as a run's last.safetensors; empty for random ones.
        width: channels of the first stage, for networks that are built by width.
        classes: how many.
        image_size: height and width in pixels that the network sees: cached images are resized to it, those of
            "files" cropped; for detection, the shorter side.
        mean: of the red, green and blue values, in units of the pixels' full range 0..1.
        std: their standard deviations in the same units.
        gate: a name in ``saccade.gates.list_gates(ablations=True)``, or None.
        where: as for ``saccade.gates.insert``; None for where the gate's paper puts it.
        gate_options: the gate's own options, sorted pairs of name and value.
        epochs: passes over the training images, at least one step in all; may be a fraction.
        batch: images a step, over all processes and accumulated parts together.
        accumulate: parts into which a step's batch is cut, to save memory.
        optimiser: a name in ``saccade.training.optimisers``.
        learning_rate: the highest.
        momentum: of SGD, 0..1.
        nesterov: whether the momentum is Nesterov's.
        weight_decay: at least 0.
        schedule: a name in ``saccade.training.schedules``.
        warm_up: share of the steps in which the rate rises, for schedules that warm up, 0..1.
        milestones: epochs at which the rate falls, for "steps".
        factor: by which it falls, for "steps" and, every epoch, for "exponential".
        label_smoothing: 0..1.
        crop_padding: pixels of zeros around an image from which a random crop of its size is taken; 0 for no crop.
        smallest_crop: share of the area that a random crop of "files" has at least, 0..1; it is scaled to
            ``image_size``.
        shorter_side: pixels to which a test image of "files" is scaled before its middle is cropped.
        longer_side: pixels that the longer side has at most, for detection.
        detector: a name in ``saccade.models.detectors``, for detection.
        proposals: boxes of an image that the first stage of a two-stage detector passes on in testing, twice as many in
            training, of which 512 or fewer are learned from.
        frozen_norms: whether batch norms of a detector's backbone keep their values.
        flip: whether images are mirrored at random.
        seed: of the initial weights, the order of the images and the augmentation.
        precision: as Lightning Fabric names it: "32-true", "bf16-mixed", or, on accelerators, "16-mixed".
        channels_last: whether images and weights lie in memory channel by channel of each pixel.
        compile: whether torch.compile compiles the network.
        synchronise_norms: whether batch norms take their statistics from the whole batch of all processes; otherwise
            each process has those of its own part, and the first one's running statistics count.
        evaluate_every: epochs between evaluations, on the images held out or else on the test images; 0 for one at the
            end only.
        validation: share of each class's training images that is held out to choose the best weights by, 0..1; with 0
            they are chosen on the test images.
        paper: where the recipe comes from.
        cost: expected time and machine.
        expected: expected result.
        contenders: what ``saccade compare`` compares where nothing else is said, as written after its --gates.
    """

    name: str
    task: str = "classification"
    data: str = "image-folder"
    loading: str = "cached"
    workers: int = 4
    network: str = "cifar-resnet20"
    pretrained: str = ""
    width: int = 16
    classes: int = 100
    image_size: int = 32
    mean: Triple = (0.5071, 0.4865, 0.4409)
    std: Triple = (0.2673, 0.2564, 0.2762)
    gate: str | None = None
    where: str | tuple[str, ...] | None = None
    gate_options: Options = ()
    epochs: float = 1.0
    batch: int = 128
    accumulate: int = 1
    optimiser: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    warm_up: float = 0.0
    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    label_smoothing: float = 0.0
    crop_padding: int = 4
    smallest_crop: float = 0.08
    shorter_side: int = 256
    longer_side: int = 1333
    detector: str = "faster_rcnn"
    proposals: int = 1000
    frozen_norms: bool = True
    flip: bool = True
    seed: int = 0
    precision: str = "32-true"
    channels_last: bool = True
    compile: bool = False
    synchronise_norms: bool = False
    evaluate_every: int = 1
    validation: float = 0.0
    paper: str = ""
    cost: str = ""
    expected: str = ""
    contenders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        limits = {
            "width": self.width >= 1,
            "classes": self.classes >= 2,
            "image_size": self.image_size >= 1,
            "std": all(value > 0 for value in self.std),
            "epochs": 0 < self.epochs < float("inf"),
            "batch": self.batch >= 1,
            "accumulate": self.accumulate >= 1 and self.batch % self.accumulate == 0,
            "learning_rate": 0 < self.learning_rate < float("inf"),
            "momentum": 0 <= self.momentum < 1,
            "weight_decay": 0 <= self.weight_decay < float("inf"),
            "warm_up": 0 <= self.warm_up < 1,
            "factor": 0 < self.factor <= 1,
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "crop_padding": self.crop_padding >= 0,
            "loading": self.loading in LOADINGS,
            "workers": self.workers >= 0,
            "proposals": self.proposals >= 1,
            "smallest_crop": 0 < self.smallest_crop <= 1,
            "shorter_side": self.loading == "cached"
            or self.task == "detection"
            or self.shorter_side >= self.image_size,
            "longer_side": self.task != "detection" or self.longer_side >= self.image_size,
            "seed": self.seed >= 0,
            "evaluate_every": self.evaluate_every >= 0,
            "validation": 0 <= self.validation < 1,
            "precision": self.precision in PRECISIONS,
        }
        wrong = [name for name, good in limits.items() if not good]
        if wrong:
            given = ", ".join(f"{name}={getattr(self, name)!r}" for name in wrong)
            raise RecipeError(
                f"the recipe {self.name!r} has {given}, out of range; expected what the documentation of "
                f"saccade.training.Recipe says (accumulate divides batch, precision is one of {', '.join(PRECISIONS)})"
            )
        if self.gate is None and (self.gate_options or self.where is not None):
            raise RecipeError(f"the recipe {self.name!r} has options or places of a gate but no gate; name one")

    def replace(self, **changes: Any) -> Recipe:
        """Returns a recipe with some values changed.

        Raises:
            RecipeError: there is no such field, or a value has the wrong type or is out of range.
        """
        fields = {field.name for field in dataclasses.fields(self)}
        types = typing.get_type_hints(Recipe)
        for name, value in changes.items():
            if name not in fields:
                raise RecipeError(f"a recipe has no {name!r}; it has {', '.join(sorted(fields))}")
            changes[name] = _fitted(name, value, types[name])
        return dataclasses.replace(self, **changes)

    def with_gate(
        self, gate: str | None, where: str | tuple[str, ...] | None = None, options: Mapping[str, Any] | None = None
    ) -> Recipe:
        """Returns the recipe with another gate, or with none."""
        return dataclasses.replace(self, gate=gate, where=where, gate_options=tuple(sorted((options or {}).items())))

    def with_length(self, epochs: float) -> Recipe:
        """Returns the recipe with another length, and the falls of its rate at the same shares of it.

        Args:
            epochs: passes over the training images, may be a fraction.
        """
        ratio = epochs / self.epochs
        return dataclasses.replace(
            self,
            epochs=epochs,
            milestones=tuple(milestone * ratio for milestone in self.milestones),
            factor=self.factor ** (1 / ratio) if self.schedule == "exponential" else self.factor,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values for JSON."""
        return dataclasses.asdict(self) | {"gate_options": dict(self.gate_options)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Returns the recipe that ``to_dict`` gave, also after JSON.

        Raises:
            RecipeError: a value is missing, unknown or of another type.
        """
        others = dict(values)
        try:
            name, options = str(others.pop("name")), dict(others.pop("gate_options", {}))
        except (KeyError, TypeError, ValueError) as error:
            raise RecipeError(f"these are not the fields of a recipe: {error}") from error
        others["gate_options"] = tuple(sorted(options.items()))
        return cls(name).replace(**others)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that differ where anything that changes the result differs."""
        defaults = {field.name: field.default for field in dataclasses.fields(self) if field.name in _LATER}
        values = {
            key: value
            for key, value in self.to_dict().items()
            if key not in DESCRIPTIONS and (key not in defaults or value != defaults[key])
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _fitted(name: str, value: Any, kind: Any) -> Any:
    """Returns a value in a field's type: whole numbers as floats, lists as tuples.

    Raises:
        RecipeError: it is of another type.
    """
    plain = (kind,) if isinstance(kind, type) else typing.get_args(kind)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (str, int, float, bool):
        if type(value) is kind:
            return value
        raise RecipeError(f"{name}={value!r} is a {type(value).__name__}; expected {kind.__name__}")
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if (value is None and type(None) in plain) or isinstance(value, str):
        return value
    if name == "milestones" and isinstance(value, (int, float)):
        return (float(value),)
    raise RecipeError(f"{name}={value!r} is a {type(value).__name__}; expected {kind}")
