"""Where a gate's paper puts it in a network, told without naming any network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["blocks", "last_blocks", "stages", "before_stages"]
Position = Literal["before_addition", "after_block"]


@dataclass(frozen=True)
class Placement:
    """The places of a gate in a residual network of four stages.

    Args:
        where: "blocks", in every residual block of the stages; "last_blocks", in the last block of each stage;
            "stages", after each stage; "before_stages", on the input of each stage.
        stages: numbers of the stages, from 1; what is after the stages of a network with fewer is left out.
        position: for "blocks" and "last_blocks": "before_addition", on the output of the block's last batch norm
            before the skip connection is added; "after_block", on the block's output. In a block without an addition
            both mean the output of its last batch norm or of the block.
        every_other_block: take the blocks with odd index (from 0) only, that is the second, the fourth and so on.
        earlier_blocks: the gate is called as ``gate(x, earlier)``, where ``earlier`` are the outputs of the earlier
            blocks of the same stage, oldest first, and made with the option ``earlier=len(earlier)``.
        last_stage_stride: stride that the fourth stage must be given; None leaves it alone.
        head: the gate is made with the option ``head``, a module that continues from its input like the stage that
            follows, with stride 1, and ``head_channels``, the channels of that module's output.
    """

    where: Where
    stages: tuple[int, ...] = (1, 2, 3, 4)
    position: Position = "before_addition"
    every_other_block: bool = False
    earlier_blocks: bool = False
    last_stage_stride: int | None = None
    head: bool = False
