"""The ResNet for images of 32 x 32 pixels, of any depth 6 n + 2 and any width.

Source: He et al. 2016, Deep Residual Learning for Image Recognition, Section 4.2; shortcut of option A.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from saccade.errors import ModelError

STAGES = 3


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters.

    Args:
        channels: of the input.
        width: channels of the output.
        stride: of the first convolution and of the shortcut, which takes every stride-th pixel and fills new
            channels with zeros (option A).
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.missing = width - channels

    def forward(self, x: Tensor) -> Tensor:
        """Takes features (N, channels, H, W), returns (N, width, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(branch + self.shortcut(x))  # type: ignore[no-any-return]

    def shortcut(self, x: Tensor) -> Tensor:
        """Returns the input in the shape of the output."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.missing:
            before = self.missing // 2
            x = functional.pad(x, (0, 0, 0, 0, before, self.missing - before))
        return x


class CifarResNet(nn.Module):
    """A classifier of images (N, 3, H, W), made for H = W = 32.

    Args:
        depth: layers, 6 n + 2 for n blocks in each of three stages: 20, 32, 44, 56, 110; 8 and 14 for short runs.
        width: channels of the first stage; the second has twice, the third four times as many. 16 in the paper.
        classes: at least 1.

    Raises:
        ModelError: there is no network of that depth, or a number is too small.
    """

    def __init__(self, depth: int = 20, width: int = 16, classes: int = 100) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 2 * STAGES)
        if rest or blocks < 1:
            raise ModelError(f"a CIFAR ResNet of depth {depth} was asked for; expected 6 n + 2: 8, 14, 20, 32, 44, 56")
        if width < 1 or classes < 1:
            raise ModelError(f"width {width} and {classes} classes were asked for; expected at least 1 of each")
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.layer1 = _stage(width, width, blocks, 1)
        self.layer2 = _stage(width, 2 * width, blocks, 2)
        self.layer3 = _stage(2 * width, 4 * width, blocks, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Takes images (N, 3, H, W), returns logits (N, classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *(BasicBlock(width if index else channels, width, 1 if index else stride) for index in range(blocks))
    )
