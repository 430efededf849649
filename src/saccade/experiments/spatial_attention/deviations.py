"""What each deviation of the published program does: the rule's rows mended one at a time, and the sequence's.

Paper: it has no such table; the rows are those of ``saccade.policy.borji`` and of ``sequences``.
Cost: seconds a draw; the rule is run densely and the active places taken, which gives the sequential program's outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from saccade.experiments.spatial_attention.contenders import Contender, Dense, Engine
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.quality import Quality, judge
from saccade.experiments.spatial_attention.sequences import BLACK, DIRECTIONS, FIRST, Motion
from saccade.experiments.spatial_attention.settings import Settings
from saccade.policy import Borji


@dataclass(frozen=True)
class Deviations:
    """What came of mending one row at a time.

    Attributes:
        rules: quality of CNN3 on the published sequence of experiment II, by what was mended.
        sequences: quality of CNN1, by what was mended in the sequence.
        directions: quality of the engine and of CNN3 corrected at a threshold of 0, by the direction of the motion.
    """

    rules: dict[str, Quality]
    sequences: dict[str, Quality]
    directions: dict[str, dict[str, Quality]]


def mended_rules(settings: Settings) -> dict[str, Borji]:
    """Returns the published rule, it with one row mended each, and the corrected rule."""
    published = settings.published()
    return {
        "as published": published,
        "rows 1, 12: map padded as the data": replace(published, padded_map=True),
        "row 2: first frame dense": replace(published, dense_first_frame=True),
        "rows 3, 4: any hidden change counts": replace(published, any_hidden_change=True),
        "row 5: compared with the value last consumed": replace(published, reference="consumed"),
        "row 11: unchanged outputs are not passed on": replace(published, compare_outputs=True),
        "rows 1 to 5 and 10": settings.corrected(),
        "rows 1 to 5 and 10, and tau 0": settings.corrected(0.0),
    }


def mended_sequences(settings: Settings) -> dict[str, Motion]:
    """Returns the published sequence of experiment II, it with one row mended each, and the corrected one."""
    published = Motion.as_published(settings.shift, settings.direction, settings.frames)
    sequences = {
        "as published": published,
        "row 7: black behind the digit": replace(published, background=BLACK),
        "row 9: first frame unshifted": replace(published, centred_start=True),
    }
    if settings.shift * settings.frames <= FIRST:
        sequences["row 6: the digit moves whole"] = replace(published, scrolling=False)
    sequences["all"] = Motion(settings.shift, settings.direction, settings.frames)
    return sequences


def deviations(
    model: nn.Sequential, digits: Digits, settings: Settings, advance: Callable[[str], None] = lambda line: None
) -> Deviations:
    """Returns what each deviation does, over ``settings.draws`` draws of digits.

    Args:
        model: the trained network.
        digits: whose test digits are drawn.
        settings: of the run.
        advance: called after every step with what was done.
    """
    dense = Dense(model)

    rules: dict[str, Contender] = {
        name: settings.cnn3(model, rule, sequential=False) for name, rule in mended_rules(settings).items()
    }
    published = settings.motions["II as published"]
    of_rules, _ = judge(rules, settings.shown(digits, published, settings.draws), dense)
    advance("deviations: rules")
    of_sequences = {}
    for name, motion in mended_sequences(settings).items():
        of_sequences[name] = judge({}, settings.shown(digits, motion, settings.draws), dense)[1]
    advance("deviations: sequences")
    exact: dict[str, Contender] = {
        "engine": Engine(model, settings.threads),
        "CNN3 corrected, tau 0": settings.cnn3(model, settings.corrected(0.0), sequential=False),
    }
    of_directions: dict[str, dict[str, Quality]] = {}
    for direction in DIRECTIONS:
        motion = replace(settings.motions["II corrected"], direction=direction)
        of_directions[direction], own = judge(exact, settings.shown(digits, motion, settings.timed_draws), dense)
        of_directions[direction]["CNN1"] = own
        advance(f"deviations: {direction}")
    return Deviations(of_rules, of_sequences, of_directions)


STEPS = 2 + len(DIRECTIONS)
"""How many steps ``deviations`` announces."""
