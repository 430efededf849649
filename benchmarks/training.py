"""What training costs beside its network: the loader's pace, and an epoch beside a bare loop in torch.

Run: taskset -c 0 python benchmarks/training.py benchmarks/rows/training.json "what ran beside"
Cost: three minutes on one core. CIFAR ResNet-20 of width 8 in batches of 64 on 10,000 random images of 32x32 that are
mapped from a file, one thread, float32. An epoch has 1,280 images; with it go an evaluation of 500 images and, for
saccade, what a run writes to disk. The bare loop has the same batches and the same network, optimiser and rates, and
neither Fabric nor reports. Beside wall-clock time a row states processor time, which other programs disturb less.
Aims: the loader makes at least 3 times the images a second that the network takes; an epoch at most 1.1 times the bare
loop's.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from stopwatch import Stopwatch
from torch import Tensor, nn
from torch.nn import functional

from saccade.measure import Environment, Record, alternate
from saccade.training import (
    Batches,
    Images,
    Recipe,
    Splits,
    build_network,
    evaluate,
    learning_rate,
    optimisers,
    recipes,
)
from saccade.training.batches import normalised
from saccade.training.run import Run

IMAGES, TESTED, STEPS, ROUNDS = 10_000, 500, 20, 7
CPU = torch.device("cpu")
RECIPE = recipes.get("cifar100-short")


def images(folder: Path, count: int) -> Images:
    """Returns random images mapped from a file, as those of a folder are."""
    random = np.random.default_rng(0)
    np.save(folder / f"{count}.npy", random.integers(0, 255, (count, 32, 32, 3), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 100, count))
    return Images(np.load(folder / f"{count}.npy", mmap_mode="r"), labels, tuple(map(str, range(100))))


def step(network: nn.Module, optimiser: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], rate: float) -> Tensor:
    """Does a step as one would write it by hand and returns its loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    loss = functional.cross_entropy(network(normalised(batch[0], RECIPE)), batch[1])
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.detach()


def bare_epoch(recipe: Recipe, splits: Splits) -> Callable[[], object]:
    """Returns an epoch in plain torch."""
    network = build_network(recipe).to(memory_format=torch.channels_last)
    optimiser = optimisers.get(recipe.optimiser)(network, recipe)
    batches = Batches(splits.training, recipe)

    def work() -> object:
        network.train()
        losses = [
            float(step(network, optimiser, batches.at(index), learning_rate(recipe, index, STEPS)))
            for index in range(STEPS)
        ]
        return losses, evaluate(network, splits.test, recipe, CPU)

    return work


def epoch(recipe: Recipe, splits: Splits, folder: Path) -> Callable[[], object]:
    """Returns an epoch of a run, from a fresh one each time: the first call makes it, so that making is not timed."""
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    waiting = [Run(recipe, splits, folder, fabric) for _ in range(ROUNDS + 1)]
    return lambda: waiting.pop().finish(save_every=60)


def measured(contenders: dict[str, Callable[[], object]], count: int) -> list[dict[str, object]]:
    """Returns a row for each contender, timed alternately, that works on so many images."""
    watches = {name: Stopwatch(lambda _, work=work: work()) for name, work in contenders.items()}
    timings = alternate(watches, range(ROUNDS + 1))
    found: list[dict[str, object]] = []
    for name, timing in timings.items():
        used = watches[name].median(1)
        row = {"contender": name, "images_per_second": count / timing.median, "processor_median_ms": 1e3 * used}
        found.append({**row, "images_per_processor_second": count / used, **timing.to_dict()})
        print(f"{name:24} {count / timing.median:9.0f} images/s {count / used:9.0f} images per processor second")
    return found


def main(path: Path | None, beside: str) -> None:
    """Times loader and network, then an epoch and the bare one, and writes the rows."""
    torch.set_num_threads(1)
    recipe = RECIPE
    with Record(path, "training") as record, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training, test = images(folder, IMAGES), images(folder, TESTED)
        splits = Splits(training, None, test)
        recipe = recipe.replace(epochs=STEPS / (IMAGES // recipe.batch))
        network = build_network(recipe).to(memory_format=torch.channels_last).train()
        optimiser = optimisers.get(recipe.optimiser)(network, recipe)
        batches = Batches(training, recipe)
        ready = batches.at(0)
        pieces = measured(
            {
                "loader": lambda: [normalised(batches.at(index)[0], recipe) for index in range(STEPS)],
                "network": lambda: [step(network, optimiser, ready, 0.01) for _ in range(STEPS)],
            },
            STEPS * recipe.batch,
        )
        epochs = measured(
            {"bare loop": bare_epoch(recipe, splits), "saccade": epoch(recipe, splits, folder)}, STEPS * recipe.batch
        )
        kinds = {"wall": "median_ms", "processor": "processor_median_ms"}
        for work, found, over, under in (("loader's pace", pieces, 1, 0), ("epoch", epochs, 1, 0)):
            ratios = {kind: float(str(found[over][key])) / float(str(found[under][key])) for kind, key in kinds.items()}
            environment = Environment.here(1, "python benchmarks/training.py", ("lightning-fabric",)).to_dict()
            record.add(
                {"work": work, "beside": beside, "contenders": found, "ratios": ratios, "environment": environment}
            )
            print(work, ratios)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, " ".join(sys.argv[2:]))
