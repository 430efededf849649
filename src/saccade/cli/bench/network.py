"""saccade bench network: the same fraction active in every layer, against dense runtimes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.bench.contest import ENGINE
from saccade.cli.bench.options import (
    ACTIVE,
    PEERS,
    JsonOption,
    ModelOption,
    PeersOption,
    ThreadsOption,
    WeightsOption,
    parse_peers,
    parse_shares,
)

if TYPE_CHECKING:
    from torch import Tensor

    from saccade.cli.bench.contest import Contest
    from saccade.measure import Record, Timing

DEFAULT_SIZE = (384, 640)
SEED = 0
WARM_UP = 2


def network(
    model: ModelOption,
    weights: WeightsOption = None,
    size: Annotated[str | None, typer.Option(help="Height x width; the model's own or 384x640 by default.")] = None,
    active: Annotated[str, typer.Option(help="Fractions active in every layer; 0 feeds an identical frame.")] = ACTIVE,
    threads: ThreadsOption = 1,
    peers: PeersOption = PEERS,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds.")] = 20,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop counting rounds after this long.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Time the engine with the same fraction of every layer active, beside dense runtimes.

    Every round runs each contender once untimed and once timed, in an order that changes from round to round; the
    active positions are seeded blobs, new ones each round. Speed-up is over the strongest peer's median.
    """
    import torch
    from rich.console import Console

    from saccade.cli.bench.contest import prepare_contest, rounds_shown
    from saccade.cli.models import choose_model
    from saccade.cli.option_values import parse_size
    from saccade.cli.outputs import check_outputs
    from saccade.measure import Record, alternate

    check_outputs({"--json": json_file}, [("--model", model), ("--weights", weights)])
    names, shares, given_size = parse_peers(peers), parse_shares(active), parse_size(size)
    console = Console(stderr=True)
    with Record(json_file, "network") as record:
        torch.manual_seed(SEED)
        chosen = choose_model(model, weights)
        frame = torch.rand(1, 3, *(given_size or chosen.preprocessing.size or DEFAULT_SIZE))
        contest = prepare_contest(chosen, frame, names, threads, console)
        contenders, error = _engine(contest, shares, threads)
        contenders |= {name: _every_round(run, frame) for name, run in contest.runnable.items()}
        with rounds_shown(console, "rounds", WARM_UP + rounds) as advance:
            timings = alternate(
                contenders,
                range(WARM_UP + rounds),
                warm_up=WARM_UP,
                settle=True,
                seconds=seconds,
                after_round=lambda number, item, results: advance(),
            )
        _report(record, contest, shares, timings, error)


def _engine(
    contest: Contest, shares: list[float], threads: int
) -> tuple[dict[str, Callable[[int], object]], float | None]:
    """Returns a contender a share, by its label, and the engine's relative error for the frame."""
    import saccade
    from saccade.measure import relative_error
    from saccade.peers.peer import flat

    # The stream that sees the identical frame keeps out of the others' way: its memory must stay that frame's.
    still = saccade.incremental(contest.chosen.model, threads=threads)
    outputs = [output.clone() for output in flat(still(contest.frame))]
    reference = contest.reference(contest.frame)
    error = relative_error(outputs, reference) if reference is not None else None
    moving = saccade.incremental(contest.chosen.model, threads=threads)
    moving(contest.frame)
    contenders = {}
    for share in shares:
        contenders[_label(share)] = (
            _every_round(still, contest.frame) if share == 0.0 else _with_activity(moving, contest.frame, share)
        )
    return contenders, error


def _with_activity(stream: Any, frame: Tensor, share: float) -> Callable[[int], object]:
    return lambda number: stream.run_with_activity(frame, share, SEED + number)


def _every_round(run: Callable[[Tensor], object], frame: Tensor) -> Callable[[int], object]:
    return lambda number: run(frame)


def _label(share: float) -> str:
    return f"{ENGINE} {share!r}"


def _report(
    record: Record, contest: Contest, shares: list[float], timings: dict[str, Timing], error: float | None
) -> None:
    """Prints the table and adds a row a contender."""
    from saccade.cli.bench.contest import milliseconds, print_results, results_table

    strongest = contest.strongest({name: timings[name].median for name in contest.runnable})
    size = "x".join(str(extent) for extent in contest.frame.shape[-2:])
    columns = ("contender", "active", "median ms", "quartiles ms", "speed-up", "error")
    table = results_table(f"{contest.chosen.name}, {size}, float32", columns, strongest, contest.environment)
    for share in shares:
        timing = timings[_label(share)]
        speedup = timings[strongest].median / timing.median if strongest else None
        shown = f"{speedup:.2f}" if speedup else "-"
        table.add_row(ENGINE, f"{share:g}", *milliseconds(timing), shown, f"{error:.1e}" if error is not None else "-")
        contender = {"contender": ENGINE, "active": share, "relative_error": error, "speedup": speedup}
        record.add(contest.row({**contender, "strongest_peer": strongest}, timing))
    for entry in contest.contestants:
        timing_or_none = timings.get(entry.name)
        if timing_or_none is None:
            table.add_row(entry.name, "", "missing")
        else:
            speedup = timings[strongest].median / timing_or_none.median if strongest else None
            flag = f"{entry.error:.1e}{' WRONG' if entry.wrong else ''}" if entry.error is not None else "-"
            shown = f"{speedup:.2f}" if speedup else "-"
            table.add_row(entry.name, "all", *milliseconds(timing_or_none), shown, flag)
        record.add(contest.row(entry.to_dict(), timing_or_none))
    print_results(table, contest)
