"""Networks that benchmarks name as networks:FACTORY, run from this folder.

ResNet-20 for CIFAR-10 (He et al. 2016, section 4.2): shortcuts of option A, which subsample by two and pad the channels
with zeros; keys as in the published weights of akamaster/pytorch_resnet_cifar10 (BSD-2-Clause), which --weights loads.
Fully convolutional: where the network averages the 8 x 8 places of a 32 x 32 picture, it averages every window of 8 x 8
places, so that each place of the class map is the answer for one window of 32 x 32 pixels.

ResNet-18 for CIFAR-100 is torchvision's, with a class at every place of its last map: a wide network. Its keys are
torchvision's; `benchmarks/policies.sh` says how its weights were trained.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

WINDOW = 8


class Block(nn.Module):
    """Two 3 x 3 convolutions and an option-A shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.padded = (outputs - inputs) // 2

    def forward(self, features: Tensor) -> Tensor:
        """Returns (N, outputs, H / stride, W / stride)."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(features)))))
        if self.padded:
            features = F.pad(features[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padded, self.padded))
        return F.relu(out + features)


class CifarResNet(nn.Module):
    """ResNet of three stages of 16, 32 and 64 channels.

    Args:
        blocks: in each stage; 3 makes ResNet-20, 9 ResNet-56.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, 1, blocks)
        self.layer2 = self._stage(16, 32, 2, blocks)
        self.layer3 = self._stage(32, 64, 2, blocks)
        self.linear = nn.Linear(64, 10)

    @staticmethod
    def _stage(inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
        return nn.Sequential(Block(inputs, outputs, stride), *(Block(outputs, outputs, 1) for _ in range(blocks - 1)))

    def forward(self, frame: Tensor) -> Tensor:
        """Returns the class map (N, 10, H / 32, W / 32) of frames (N, 3, H, W), H and W multiples of 32."""
        features = F.relu(self.bn1(self.conv1(frame)))
        features = self.layer3(self.layer2(self.layer1(features)))
        windows = F.avg_pool2d(features, WINDOW)
        return F.conv2d(windows, self.linear.weight[:, :, None, None], self.linear.bias)


def cifar_resnet20() -> nn.Module:
    """Returns ResNet-20; give its weights with --weights."""
    return CifarResNet(3).eval()


def cifar_resnet56() -> nn.Module:
    """Returns ResNet-56; give its weights with --weights."""
    return CifarResNet(9).eval()


class ClassMapResNet(ResNet):
    """torchvision's ResNet-18 with a class at each place of its last map."""

    def __init__(self, classes: int) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=classes)

    def forward(self, frame: Tensor) -> Tensor:
        """Returns the class map (N, classes, H / 32, W / 32) of frames (N, 3, H, W)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(frame))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return F.conv2d(features, self.fc.weight[:, :, None, None], self.fc.bias)


def cifar100_resnet18() -> nn.Module:
    """Returns ResNet-18 of 100 classes; give its weights with --weights."""
    return ClassMapResNet(100).eval()
