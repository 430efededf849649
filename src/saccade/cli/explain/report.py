"""What a run of saccade explain came to: a table, and the same in full as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from saccade.cli.explain.networks import Network
from saccade.cli.explain.photographs import Photograph
from saccade.explain import Explanation, Framing, Score, ScoreRule, mean_score, salient_feature_detection

SWEEP = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Thresholds that each score is also computed with, to see how much hangs on the choice."""


@dataclass(frozen=True)
class Explained:
    """A photograph and what each network made of it."""

    photograph: Photograph
    explanations: tuple[Explanation, ...]


def table(done: Sequence[Explained], networks: Sequence[Network]) -> Any:
    """Returns the scores as a table for the terminal, with means at its end."""
    from rich.table import Table

    scored = any(item.photograph.region is not None for item in done)
    shown = Table(title_justify="left")
    for heading in ("image", "network", "class", "p", "stage", *(("sfd", "inside", "outside") if scored else ())):
        words = heading in ("image", "network", "class", "stage")
        shown.add_column(heading, justify="left" if words else "right", overflow="fold")
    for item in done:
        for network, explanation in zip(networks, item.explanations, strict=True):
            for stage in explanation.stages:
                shown.add_row(
                    item.photograph.name,
                    explanation.name,
                    network.category_name(explanation.category),
                    f"{explanation.probability:.2f}",
                    stage.label,
                    *(_cells(stage.score) if scored else ()),
                )
    if scored:
        for name, label, mean in means(done):
            value = "none" if mean["mean"] is None else f"{mean['mean']:.3f}"
            skipped = f", {mean['skipped']} skipped" if mean["skipped"] else ""
            shown.add_row("mean", name, f"{mean['images']} images{skipped}", "", label, value, "", "")
    return shown


def report(done: Sequence[Explained], networks: Sequence[Network], rule: ScoreRule, framing: Framing) -> dict[str, Any]:
    """Returns everything that was found, as JSON can hold it; without maps."""
    from saccade.cli.versions import versions

    return {
        "networks": [{"name": network.name, "weights": network.weights} for network in networks],
        "rule": asdict(rule),
        "framing": asdict(framing),
        "images": [
            {
                "image": str(item.photograph.path),
                "explanations": [
                    _explanation(network, explanation, item.photograph, rule)
                    for network, explanation in zip(networks, item.explanations, strict=True)
                ],
            }
            for item in done
        ],
        "means": [{"network": name, "stage": stage} | mean for name, stage, mean in means(done)],
        "versions": versions(),
    }


def means(done: Sequence[Explained]) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns network, stage and mean score over the photographs whose region is known."""
    found = []
    known = [item for item in done if item.photograph.region is not None]
    for place, explanation in enumerate(known[0].explanations if known else ()):
        for number, stage in enumerate(explanation.stages):
            scores = [item.explanations[place].stages[number].score for item in known]
            mean = mean_score(score for score in scores if score is not None)
            told = {"mean": mean.value, "images": mean.counted, "skipped": mean.skipped}
            found.append((explanation.name, stage.label, told))
    return found


def _cells(score: Score | None) -> tuple[str, str, str]:
    if score is None:
        return ("", "", "")
    value = "skipped" if score.value is None else f"{score.value:.3f}"
    return (value, f"{score.inside:.3f}", f"{score.outside:.3f}")


def _explanation(network: Network, explanation: Explanation, photograph: Photograph, rule: ScoreRule) -> dict[str, Any]:
    return {
        "network": explanation.name,
        "class": explanation.category,
        "class_name": network.category_name(explanation.category),
        "probability": explanation.probability,
        "first_choice": explanation.first_choice,
        "first_choice_name": network.category_name(explanation.first_choice),
        "stages": [
            {"stage": stage.label, "module": stage.module}
            | ({} if stage.score is None else asdict(stage.score))
            | ({} if photograph.region is None else {"sweep": _sweep(stage.weights, photograph.region, rule)})
            for stage in explanation.stages
        ],
        "gates": [
            {
                "gate": gate.name,
                "kind": gate.kind,
                "mean": float(gate.attention.mean()),
                "lowest": gate.lowest,
                "highest": gate.highest,
                "largest_offset": gate.largest_offset,
            }
            for gate in explanation.gates
        ],
    }


def _sweep(weights: Any, region: Any, rule: ScoreRule) -> dict[str, float | None]:
    return {
        str(threshold): salient_feature_detection(weights, region, replace(rule, threshold=threshold)).value
        for threshold in SWEEP
    }
