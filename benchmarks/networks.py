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

from saccade.training.cifar_resnet import CifarResNet

WINDOW = 8


class ConvolutionalCifarResNet(CifarResNet):
    """The network as a map of answers.

    Args:
        depth: layers; 20 or 56 are published.
    """

    def __init__(self, depth: int) -> None:
        super().__init__(depth, classes=10)
        self.linear = self.fc  # as the published weights call it
        del self.fc, self.avgpool

    def forward(self, frame: Tensor) -> Tensor:
        """Returns the class map (N, 10, H / 32, W / 32) of frames (N, 3, H, W), H and W multiples of 32."""
        features = self.relu(self.bn1(self.conv1(frame)))
        features = self.layer3(self.layer2(self.layer1(features)))
        windows = F.avg_pool2d(features, WINDOW)
        return F.conv2d(windows, self.linear.weight[:, :, None, None], self.linear.bias)


def cifar_resnet20() -> nn.Module:
    """Returns ResNet-20; give its weights with --weights."""
    return ConvolutionalCifarResNet(20).eval()


def cifar_resnet56() -> nn.Module:
    """Returns ResNet-56; give its weights with --weights."""
    return ConvolutionalCifarResNet(56).eval()


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
