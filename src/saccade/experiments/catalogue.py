"""What can be reproduced: every experiment by the name of its command, with the tables and figures it writes.

Importing this is cheap: nothing here runs an experiment. A new experiment registers its entry at the end of this file
and has its command in ``saccade.cli.reproduce``.
"""

from __future__ import annotations

from dataclasses import dataclass

from saccade.graph.registry import Registry

CHANGE_DRIVEN_PAPER = "Borji 2024, arXiv 2407.01782"
"""Addressing a fundamental limitation in deep vision models: lack of spatial attention."""

DAS_PAPER = "Salajegheh et al. 2023, arXiv 2311.12091"
"""DAS: A Deformable Attention to Capture Salient Information in CNNs."""


@dataclass(frozen=True)
class Part:
    """One table, figure or extension of a paper.

    Attributes:
        label: as the paper calls it, such as "Table 1"; "beyond" for what the paper leaves open.
        shows: what it shows, in one line.
        cost: expected time of this part, where it is known apart from the others.
    """

    label: str
    shows: str
    cost: str = ""


@dataclass(frozen=True)
class Experiment:
    """One command of ``saccade reproduce``.

    Attributes:
        paper: authors, year and where to find it.
        parts: what it writes.
        cost: expected time and machine, such as "12 min on two cores".
        needs: data that it reads, and what happens without.
    """

    paper: str
    parts: tuple[Part, ...]
    cost: str
    needs: str


experiments: Registry[Experiment] = Registry("experiment")
"""Every experiment, by the name of its command."""

experiments.register("spatial-attention")(
    Experiment(
        paper=CHANGE_DRIVEN_PAPER,
        parts=(
            Part(
                "Table 1",
                "accuracy and seconds of CNN1, CNN2, CNN3 and the engine, experiments I and II",
                "5 min, training 5 min",
            ),
            Part("Figure 4", "the sequences that the networks see", "seconds"),
            Part("Figure 5", "change maps of every layer, published and corrected rule side by side", "seconds"),
            Part(
                "Figure 6", "accuracy and time against the threshold, published and corrected rule in one plot", "6 min"
            ),
            Part("beyond", "each deviation of the published program mended alone; all directions", "1 min"),
            Part("beyond", "a digit on a 1080p still, a detector, a segmenter: work, bytes moved and time", "10 min"),
        ),
        cost="26 min on one core, with --fast 2.5 on two",
        needs="MNIST (the ten thousand test digits are enough); without it scikit-learn's digits",
    )
)

experiments.register("das-sizes")(
    Experiment(
        paper=DAS_PAPER,
        parts=(
            Part(
                "Table 1", "parameters and FLOPs of four networks with fifteen gates, printed, as printed, and in truth"
            ),
            Part("Table 2", "parameters of Faster R-CNN on gated backbones"),
            Part("Table 4", "parameters and FLOPs of the variants of DAS"),
            Part("Figure 3", "the axis: FLOPs against alpha"),
            Part("beyond", "cheaper kernels, and the sizes of gates at other places (Section 4.3)"),
        ),
        cost="1 min on one core",
        needs="nothing",
    )
)

experiments.register("tolerant-training")(
    Experiment(
        paper="beyond both papers",
        parts=(Part("beyond", "work of a tolerant stream at the same error, before and after a fine-tuning for it"),),
        cost="30 min on one core with ResNet-20 and four short clips",
        needs="a folder of pictures to train with (CIFAR-100's will do), a trained network, clips",
    )
)
