"""A street seen by a camera that does not move: what the demo watches and the detector is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from saccade.demo.actors import KINDS, PHASES, sprite
from saccade.demo.backdrop import Layout, draw_backdrop, picture_of

_CAR, _PERSON, _CYCLIST = range(len(KINDS))


@dataclass(frozen=True)
class Label:
    """Where an actor is.

    Attributes:
        kind: index into KINDS.
        left, top, right, bottom: in pixels, cut at the picture's edges.
    """

    kind: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Actor:
    """Something that crosses the scene once.

    Attributes:
        kind: index into KINDS.
        variant: chooses its looks.
        ground: row of pixels where it touches the ground.
        height: in pixels.
        start: frame at which its front enters the picture; may be negative.
        speed: pixels a frame; negative goes left, 0 stands at ``place``.
        pause: frames during which it stands still, from when it has crossed ``pause_at`` of the width.
        pause_at: share of the width, 0 to 1.
        place: left edge in pixels of an actor that never moves.
    """

    kind: int
    variant: int
    ground: int
    height: int
    start: int
    speed: float
    pause: int = 0
    pause_at: float = 0.5
    place: int = 0

    def position(self, frame: int, width: int, own_width: int) -> tuple[int, int]:
        """Returns its left edge in whole pixels, and how many pixels it has gone so far."""
        if self.speed == 0:
            return self.place, 0
        moving = frame - self.start
        reached = int(self.pause_at * width / abs(self.speed))
        if self.pause and moving > reached:
            moving = max(reached, moving - self.pause)
        gone = round(moving * abs(self.speed))
        return (gone - own_width if self.speed > 0 else width - gone), gone


class Scene:
    """A street with traffic, the same for the same seed.

    Args:
        seed: chooses the street and its traffic.
        frames: how many frames the traffic is planned for.
        height, width: in pixels.
        noise: standard deviation of a sensor's noise in grey levels; 0 leaves the street perfectly still.
        crowd: how busy the street is; 1 is a quiet street.
    """

    def __init__(
        self,
        seed: int = 0,
        frames: int = 120,
        height: int = 384,
        width: int = 640,
        noise: float = 0.0,
        crowd: float = 1.0,
    ) -> None:
        random = np.random.default_rng(seed)
        self.frames = frames
        self.layout = Layout(height, width)
        self.noise = noise
        self._seed = seed
        self._backdrop, self._foreground = draw_backdrop(self.layout, random)
        self.actors = _plan(self.layout, frames, crowd, random)

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[tuple[npt.NDArray[np.uint8], list[Label]]]:
        for frame in range(self.frames):
            yield self.render(frame)

    def render(self, frame: int) -> tuple[npt.NDArray[np.uint8], list[Label]]:
        """Returns the picture (H, W, 3) uint8 of a frame and where its actors are."""
        picture = self._backdrop.copy()
        labels = []
        for actor in sorted(self.actors, key=lambda actor: actor.ground):
            label = self._draw(picture, actor, frame)
            if label is not None:
                labels.append(label)
        picture.paste(self._foreground, (0, 0), self._foreground)
        rgb = picture_of(picture)
        if self.noise:
            random = np.random.default_rng((self._seed, frame))
            grain = random.normal(0, self.noise, rgb.shape)
            rgb = np.clip(np.rint(rgb + grain), 0, 255).astype(np.uint8)
        return rgb, labels

    def _draw(self, picture: Image.Image, actor: Actor, frame: int) -> Label | None:
        """Draws an actor with its shadow; returns where it is, or None when nearly nothing of it is in sight."""
        leftwards = actor.speed < 0
        own_width = sprite(actor.kind, actor.variant, actor.height, 0, leftwards).width
        left, gone = actor.position(frame, picture.width, own_width)
        if left >= picture.width or left + own_width <= 0:
            return None
        stride = (0.5, 0.55, 0.9)[actor.kind] * actor.height
        phase = int(gone / stride * PHASES) % PHASES
        drawn = sprite(actor.kind, actor.variant, actor.height, phase, leftwards)
        shadow = _shadow(own_width, actor.height)
        picture.paste(
            (20, 24, 34), (left - shadow.width // 2 + own_width // 2, actor.ground - shadow.height // 2), shadow
        )
        picture.paste(drawn, (left, actor.ground - actor.height), drawn)
        visible_left, visible_right = max(left, 0), min(left + own_width, picture.width)
        if visible_right - visible_left < 0.35 * own_width:
            return None
        return Label(actor.kind, visible_left, actor.ground - actor.height, visible_right, actor.ground)


def _shadow(width: int, height: int) -> Image.Image:
    """Returns a soft ellipse as a mask."""
    tall = max(4, height // 8)
    mask = Image.new("L", (width + 16, tall + 8), 0)
    ImageDraw.Draw(mask).ellipse((8, 4, width + 8, tall + 4), fill=110)
    return mask.filter(ImageFilter.GaussianBlur(2))


def _plan(layout: Layout, frames: int, crowd: float, random: np.random.Generator) -> list[Actor]:
    """Returns who crosses the scene, when and where."""
    scale = layout.height / 384
    actors = [_parked(layout, scale, random)] if random.random() < 0.8 else []
    for ground, height, sign, kinds, every in (
        (layout.far_lane, 44, -1, (_CAR, _CAR, _CYCLIST), 62),
        (layout.near_lane, 62, 1, (_CAR, _CAR, _CYCLIST), 74),
        (layout.far_walk, 42, 0, (_PERSON,), 70),
        (layout.near_walk, 78, 0, (_PERSON, _PERSON, _PERSON), 90),
    ):
        # Who entered before the first frame may still be crossing.
        time = -layout.width / (2.0 * scale) / 2 + random.exponential(every / crowd)
        speed = 0.0
        while time < frames:
            kind = kinds[random.integers(len(kinds))]
            if kind == _PERSON or not speed:
                low, high = (1.4, 2.6) if kind == _PERSON else (4.0, 6.5)
                speed = float(random.uniform(low, high)) * scale
            tall = round(height * scale * (1.25 if kind == _CYCLIST else 1.0) * random.uniform(0.94, 1.06))
            way = sign or (1 if random.random() < 0.5 else -1)
            jitter = round(random.uniform(-3, 3) * scale)
            pause = int(random.integers(20, 60)) if kind == _PERSON and random.random() < 0.4 else 0
            actors.append(
                Actor(kind, int(random.integers(84)), ground + jitter, tall, round(time), way * speed, pause,
                      float(random.uniform(0.2, 0.8)))
            )  # fmt: skip
            gap = 3.4 * tall / speed if kind != _PERSON else 12
            time += gap + random.exponential(every / crowd)
    return actors


def _parked(layout: Layout, scale: float, random: np.random.Generator) -> Actor:
    place = int(random.integers(0, layout.width - 150))
    return Actor(
        _CAR, int(random.integers(84)), layout.road[0] + round(16 * scale), round(40 * scale), 0, 0.0, place=place
    )
