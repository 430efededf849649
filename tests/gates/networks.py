"""Where the gates go in the networks of the DAS paper: channels of the places, and parameters of the bare networks.

Written down by hand from the networks' definitions, so that counts are compared without any insertion.
"""

from __future__ import annotations

# Channels of the blocks' outputs, stage by stage.
BLOCKS = {
    "resnet18": ((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2),
    "resnet50": ((256,) * 3, (512,) * 4, (1024,) * 6, (2048,) * 3),
    "resnet101": ((256,) * 3, (512,) * 4, (1024,) * 23, (2048,) * 3),
    # All 17 inverted residuals; the groups end where the paper's seven gates of DAS go.
    "mobilenet_v2": ((16,), (24,) * 2, (32,) * 3, (64,) * 4, (96,) * 3, (160,) * 3, (320,)),
}

PARAMETERS = {"resnet18": 11_689_512, "resnet50": 25_557_032, "resnet101": 44_549_160, "mobilenet_v2": 3_504_872}
