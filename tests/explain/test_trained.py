"""Maps of a network that was trained: hiding what mattered must cost more than hiding what did not."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from saccade.explain import grad_cam
from saccade.models.weights import load_weights

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed; run: pip install 'saccade[explain]'")

DATA = Path(os.environ.get("SACCADE_DATA", "."))
WEIGHTS, PHOTOGRAPHS = DATA / "models" / "cifar10-resnet20-12fca82f.th", DATA / "data" / "cifar100-imagefolder.tar.gz"
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
# CIFAR-10 has no pick-up trucks, but automobiles (1) and trucks (9).
NEAREST = (1, 9)
COUNT = 40


class Block(nn.Module):
    """Two convolutions beside a shortcut without parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, (outputs - inputs) // 2

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(features)))))
        kept = features[:, :, :: self.stride, :: self.stride]
        return F.relu(branch + F.pad(kept, (0, 0, 0, 0, self.added, self.added)))


class ResNet20(nn.Module):
    """The residual network of twenty layers for frames of 32 x 32 and ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Block(16, 16, 1) for _ in range(3)])
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        features = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(frames))))))
        return self.linear(features.mean((2, 3)))


def photographs() -> torch.Tensor:
    """Returns photographs of pick-up trucks as the network takes them, (COUNT, 3, 32, 32)."""
    found = []
    with tarfile.open(PHOTOGRAPHS) as archive:
        for member in archive:
            if "/pickup_truck/" in member.name and member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                found.append(np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB")))
            if len(found) == COUNT:
                break
    frames = torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255
    return (frames - MEAN[:, None, None]) / STD[:, None, None]


@pytest.mark.skipif(
    not (WEIGHTS.is_file() and PHOTOGRAPHS.is_file()),
    reason="needs the weights of ResNet-20 and the photographs of CIFAR-100 in the folder that SACCADE_DATA names",
)
def test_hiding_what_mattered_costs_more_than_hiding_what_did_not() -> None:
    model = ResNet20().eval()
    load_weights(model, WEIGHTS)
    frames = photographs()
    with torch.no_grad():
        frames = frames[[int(choice) in NEAREST for choice in model(frames).argmax(1)]]
    assert len(frames) > COUNT // 2
    seen = grad_cam(model, frames, [model.layer3])
    weights = torch.from_numpy(seen.maps[0])
    ranks = weights.flatten(1).argsort(1).argsort(1).reshape(weights.shape)
    quarter = weights[0].numel() // 4
    chosen = torch.tensor(seen.classes)[:, None]

    def cost(hidden: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            without = model(frames.masked_fill(hidden[:, None], 0))
            return (model(frames).gather(1, chosen) - without.gather(1, chosen))[:, 0]

    mattered, did_not = cost(ranks >= 3 * quarter), cost(ranks < quarter)
    assert float((mattered > did_not).float().mean()) > 0.95
    assert float(mattered.mean()) > 5 * float(did_not.mean())
