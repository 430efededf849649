"""Attention gates: modules that take features (N, C, H, W) and return gated features of the same shape.

    >>> gate = saccade.gates.create("das", channels=256)
    >>> gate(features), gate.attention(features)

``list_gates()`` names them; one file holds one published gate. What a gate and a network agree on:

- **Call.** ``gate(x)`` returns the gated x. No gate keeps anything of a call in itself.
- **Map.** ``gate.attention(x)`` returns the gate's own map, (N, K, H or 1, W or 1), for looking at; DAS has
  ``gate.sampling(x)`` besides, its offsets and mask. No hooks.
- **Place.** ``gate_class(name).placement`` is a frozen ``Placement``: where the paper puts the gate.
- **Gates of a whole stage** (``placement.earlier_blocks``; EMCA): the network makes one for the stage's last block with
  ``create("emca", channels, earlier=n)`` and calls ``gate(x, earlier)`` with the outputs of the stage's n earlier
  blocks, oldest first, each (N, C, H, W).
- **Gates with a second head** (``placement.head``; ABN): made with ``create("abn", channels, head=module,
  head_channels=..., classes=...)``, where ``module`` is a copy of the stage that follows with stride 1. Its class
  scores leave by ``with collect_scores() as scores: model(images)``, for the second loss; outside of such a block they
  are not computed.
- **Networks that change with the gate** (``placement.last_stage_stride``; GSoP): the fourth stage gets that stride.
"""

from saccade.gates import das_ablations
from saccade.gates.a2 import A2
from saccade.gates.abn import ABN
from saccade.gates.asr import ASR
from saccade.gates.bam import BAM
from saccade.gates.catalogue import ablations, create, gate_class, gates, list_gates
from saccade.gates.cbam import CBAM
from saccade.gates.das import DAS
from saccade.gates.dat import DAT
from saccade.gates.deformable_kernel import Sampling, use_form
from saccade.gates.eca import ECA
from saccade.gates.emca import EMCA
from saccade.gates.gala import GALA
from saccade.gates.gate import Gate
from saccade.gates.gcnet import GCNet
from saccade.gates.gsop import GSoP
from saccade.gates.insertion import (
    backbone_state_dict,
    convert_keeping_gates,
    convert_sync_batchnorm,
    fold,
    gates_of,
    insert,
    load_backbone,
    remove,
)
from saccade.gates.placement import Placement
from saccade.gates.scores import collect_scores
from saccade.gates.se import SE
from saccade.gates.srm import SRM
from saccade.gates.triplet import Triplet

__all__ = [
    "A2",
    "ABN",
    "ASR",
    "BAM",
    "CBAM",
    "DAS",
    "DAT",
    "ECA",
    "EMCA",
    "GALA",
    "SE",
    "SRM",
    "GCNet",
    "GSoP",
    "Gate",
    "Placement",
    "Sampling",
    "Triplet",
    "ablations",
    "backbone_state_dict",
    "collect_scores",
    "convert_keeping_gates",
    "convert_sync_batchnorm",
    "create",
    "das_ablations",
    "fold",
    "gate_class",
    "gates",
    "gates_of",
    "insert",
    "list_gates",
    "load_backbone",
    "remove",
    "use_form",
]
