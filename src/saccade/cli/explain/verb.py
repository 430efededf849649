"""The verb: from what is typed to a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.gate_choice import GateChoice, parse_gate
from saccade.cli.option_values import parse_channels, parse_divisors, parse_size

if TYPE_CHECKING:
    from saccade.cli.explain.folder import ResultsFolder
    from saccade.cli.explain.networks import Network
    from saccade.cli.explain.photographs import Find, Knowledge, Photograph
    from saccade.cli.explain.report import Explained
    from saccade.explain import ScoreRule

_MANY = 5


class Fit(str, Enum):
    """Which part of a photograph the network sees."""

    crop = "crop"
    stretch = "stretch"


class Surroundings(str, Enum):
    """Which places outside the region count against a score."""

    box = "box"
    salient = "salient"


def explain(
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: Annotated[str, typer.Option(help="torchvision:NAME, timm:NAME, or module.path:factory.")],
    weights: Annotated[str | None, typer.Option(help="A file of weights; DEFAULT for the published ones.")] = None,
    gate: Annotated[str | None, typer.Option(help="Gate to put into it, such as das.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of that gate, such as start=identity; repeat it.", metavar="N=V")
    ] = None,
    compare: Annotated[str | None, typer.Option(help="A second network, named as --model is.")] = None,
    compare_weights: Annotated[str | None, typer.Option(help="Its weights, as --weights.")] = None,
    compare_gate: Annotated[str | None, typer.Option(help="Gate to put into it, as --gate.")] = None,
    compare_option: Annotated[
        list[str] | None, typer.Option(help="Option of that gate, as --option.", metavar="N=V")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Where gates go: stages, blocks, branches, or modules by name; as the paper by default."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("saccade-explain"),
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Number of a stage, or a module's name; repeat it; the last two by default."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option("--class", help="Class to explain, by index or name; the first network's choice by default."),
    ] = None,
    categories: Annotated[Path | None, typer.Option(help="Names of the classes, one a line.")] = None,
    labels: Annotated[Path | None, typer.Option(help="JSON: the class and the boxes of each image.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks named as the images, or one image's mask.")
    ] = None,
    ground: Annotated[bool, typer.Option("--ground", help="Find regions by Grounding DINO and SAM.")] = False,
    words: Annotated[str | None, typer.Option(help="What --ground looks for; the class's name by default.")] = None,
    detector: Annotated[str | None, typer.Option(help="Grounding DINO: a name on the hub, or a folder.")] = None,
    segmenter: Annotated[str | None, typer.Option(help="SAM: a name on the hub, or a folder.")] = None,
    size: Annotated[
        str | None, typer.Option(help="What the network sees, as HxW; the model's size, or 224x224 by default.")
    ] = None,
    fit: Annotated[Fit, typer.Option(help="Cut the middle out, or squeeze all of the image in.")] = Fit.crop,
    share: Annotated[float, typer.Option(help="Part of the sides that a crop keeps.")] = 0.875,
    mean: Annotated[
        str | None, typer.Option(help="Subtracted from colours of 0 to 1; as the model by default.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Divided by after that; as the model by default.")] = None,
    base: Annotated[str, typer.Option(help="Of the score's antilog scaling; 'none' for the plain weights.")] = "10",
    subtract_one: Annotated[bool, typer.Option(help="Scale by base ** w - 1, not base ** w.")] = True,
    threshold: Annotated[float, typer.Option(help="Weight from which a place counts as salient.")] = 0.2,
    surroundings: Annotated[
        Surroundings, typer.Option(help="What counts against a score: the whole box, or its salient places.")
    ] = Surroundings.box,
    colours: Annotated[str, typer.Option(help="Matplotlib's name of a colour scale.")] = "turbo",
    json_file: Annotated[Path | None, typer.Option("--json", help="Scores to write as JSON.")] = None,
) -> None:
    """Show what networks look at in photographs, and score it."""
    from saccade.cli.categories import read_categories
    from saccade.cli.explain.folder import ResultsFolder
    from saccade.cli.explain.networks import size_for, told_apart
    from saccade.cli.explain.photographs import read_photographs
    from saccade.cli.explain.report import report, table
    from saccade.cli.outputs import check_outputs
    from saccade.explain import Framing, ScoreRule
    from saccade.video.sinks import check_writable, write_json

    check_outputs(
        {"--json": json_file},
        [*(("IMAGES", image) for image in images), ("--weights", weights), ("--compare-weights", compare_weights),
         ("--categories", categories), ("--labels", labels), ("--masks", masks)],
    )  # fmt: skip
    if json_file is not None:
        check_writable(json_file, "the scores")
    if compare is None and (compare_weights is not None or compare_gate is not None):
        raise typer.BadParameter("--compare-weights and --compare-gate need --compare, the network that they belong to")
    _check_gates(gate, option, compare_gate, compare_option, where)
    rule = ScoreRule(_parse_base(base), subtract_one, threshold, surroundings.value)
    wanted_size = parse_size(size)
    given = _Given(read_categories(categories), parse_channels(mean), parse_divisors(std))
    networks = [given.network(model, weights, parse_gate(gate, where, option))]
    if compare is not None:
        second = parse_gate(compare_gate, where, compare_option)
        networks = told_apart([*networks, given.network(compare, compare_weights, second)])
    framing = Framing(size_for(networks, wanted_size), fit.value, share)
    search = _Search(ground, words, detector, segmenter)
    knowledge = search.knowledge(networks[0], category, labels, masks)
    task = _Task(networks, read_photographs(images, framing, knowledge), rule, tuple(stage or ()), colours)
    _check_pictures(out, json_file, task.photographs)
    with ResultsFolder(out) as folder:
        done = [task.explain(photograph, folder) for photograph in _watched(task.photographs)]
    if json_file is not None:
        write_json(json_file, report(done, networks, rule, framing))
    _print(table(done, networks))
    typer.echo(f"wrote {len(folder.names)} pictures to {out}")


def _check_pictures(out: Path, json_file: Path | None, photographs: list[Photograph]) -> None:
    """Refuses a folder in which pictures would take the place of photographs or of the scores."""
    from saccade.cli.outputs import check_outputs

    read = [("IMAGES", photograph.path) for photograph in photographs]
    for photograph in photographs:
        for ending in ("png", "gates.png", "gates-2.png"):
            check_outputs({"--json": json_file, "--out": out / f"{photograph.name}.{ending}"}, read)


def _check_gates(
    gate: str | None,
    option: list[str] | None,
    compare_gate: str | None,
    compare_option: list[str] | None,
    where: list[str] | None,
) -> None:
    """Refuses options that belong to a gate which was not asked for."""
    if option and gate is None:
        raise typer.BadParameter("--option is a gate's; name one with --gate")
    if compare_option and compare_gate is None:
        raise typer.BadParameter("--compare-option is a gate's; name one with --compare-gate")
    if where and gate is None and compare_gate is None:
        raise typer.BadParameter("--where says where gates go; name one with --gate")


@dataclass(frozen=True)
class _Given:
    """What the user said of the networks; overrides what is known of them."""

    categories: tuple[str, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def network(self, name: str, weights: str | None, gate: GateChoice | None) -> Network:
        """Returns the network of a name, and says so where its weights are random or its gates untrained."""
        from saccade.cli.explain.networks import network_of
        from saccade.cli.models import choose_model
        from saccade.cli.warning import warn

        chosen = choose_model(name, weights, gate)
        warn(chosen.warning)
        return network_of(chosen, weights, self.categories, self.mean, self.std)


@dataclass(frozen=True)
class _Search:
    """Whether and how regions are found from words."""

    wanted: bool
    words: str | None
    detector: str | None
    segmenter: str | None

    def knowledge(self, network: Network, category: str | None, labels: Path | None, masks: Path | None) -> Knowledge:
        """Returns where what is known of the photographs comes from."""
        from saccade.cli.explain.photographs import Knowledge
        from saccade.explain import read_labels

        options = {"--words": self.words, "--detector": self.detector, "--segmenter": self.segmenter}
        for option, value in options.items():
            if value is not None and not self.wanted:
                raise typer.BadParameter(f"{option} goes with --ground, which finds regions from words")
        if self.wanted and masks is not None:
            raise typer.BadParameter("--ground and --masks both say where the regions are; give one of them")

        def name_of(label: int | str) -> str:
            return network.category_name(network.category(label) or 0)

        known = None if labels is None else read_labels(labels)
        return Knowledge(category, known, masks, self._find() if self.wanted else None, self.words, name_of)

    def _find(self) -> Find:
        from saccade.explain import Grounding
        from saccade.explain.grounding import DETECTOR, SEGMENTER

        return Grounding.load(self.detector or DETECTOR, self.segmenter or SEGMENTER).region


@dataclass(frozen=True)
class _Task:
    """Networks and photographs, all read and checked."""

    networks: list[Network]
    photographs: list[Photograph]
    rule: ScoreRule
    stages: tuple[str, ...]
    colours: str

    def explain(self, photograph: Photograph, folder: ResultsFolder) -> Explained:
        """Explains one photograph by all networks and adds its pictures to a folder."""
        from saccade.cli.explain.report import Explained
        from saccade.explain import Explanation, comparison_figure, explain, gates_figure

        explanations: list[Explanation] = []
        for network in self.networks:
            category = network.category(photograph.category)
            if category is None and explanations:
                category = explanations[0].category
            explanations.append(
                explain(
                    network.model,
                    network.preprocessing(photograph.picture),
                    name=network.name,
                    stages=self.stages,
                    category=category,
                    region=photograph.region,
                    rule=self.rule,
                )
            )
        title, note = photograph.path.name, "; ".join(f"{each.name}: {each.weights}" for each in self.networks)
        picture = comparison_figure(
            photograph.shown,
            explanations,
            title=title,
            categories=[network.categories for network in self.networks],
            region=photograph.shown_region,
            note=note,
            colours=self.colours,
        )
        folder.write(f"{photograph.name}.png", picture)
        for number, (network, explanation) in enumerate(zip(self.networks, explanations, strict=True), 1):
            if any(gate.attention.size > 1 for gate in explanation.gates):
                ending = "gates" if number == 1 else f"gates-{number}"
                drawn = gates_figure(
                    photograph.shown,
                    explanation.gates,
                    title=f"{title}: gates of {network.name}",
                    note=f"{network.name}: {network.weights}",
                    colours=self.colours,
                )
                folder.write(f"{photograph.name}.{ending}.png", drawn)
        return Explained(photograph, tuple(explanations))


def _watched(photographs: list[Photograph]) -> Iterable[Photograph]:
    """Returns the photographs, with a progress bar on stderr where there are many."""
    from rich.console import Console
    from rich.progress import track

    many = len(photographs) >= _MANY
    return track(photographs, "looking", console=Console(stderr=True)) if many else photographs


def _parse_base(text: str) -> float | None:
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no base; expected a number above 1, or 'none'") from None


def _print(shown: Any) -> None:
    from rich.console import Console

    Console().print(shown)
