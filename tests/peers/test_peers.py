import copy

import pytest
import torch
from torch import nn

from saccade.errors import ModelError, RegistryError
from saccade.measure import relative_error
from saccade.peers import example_outputs, peers


class TwoOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 5, 1)
        self.classes = nn.Linear(8, 4)

    def forward(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.stem(frame)
        return self.head(features), self.classes(features.mean((2, 3)))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return TwoOutputs().eval()


def usable(name: str):
    peer = peers.get(name)
    reason = peer.available()
    if reason is not None:
        pytest.skip(f"{name}: {reason}")
    return peer


def test_five_peers_are_registered_and_an_unknown_one_lists_them() -> None:
    assert peers.names() == ["compile", "eager", "ncnn", "onnxruntime", "openvino"]
    with pytest.raises(RegistryError, match=r"unknown peer 'tensorrt'; known: compile, eager, ncnn"):
        peers.get("tensorrt")


@pytest.mark.parametrize("name", peers.names())
def test_outputs_agree_with_eager_and_the_model_is_left_alone(name: str, network: nn.Module) -> None:
    peer = usable(name)
    before = copy.deepcopy(network.state_dict())
    prepared = peer.prepare(network, torch.rand(1, 3, 21, 34), threads=1)
    for _ in range(2):
        frame = torch.rand(1, 3, 21, 34)
        outputs = [output.clone() for output in prepared(frame)]
        assert relative_error(outputs, example_outputs(network, frame)) < 1e-5
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.is_contiguous() for parameter in network.parameters())
    assert prepared.configuration


@pytest.mark.parametrize("name", peers.names())
def test_version_names_the_package_even_where_it_is_missing(name: str) -> None:
    assert any(part in peers.get(name).version() for part in ("torch", "onnxruntime", "openvino", "ncnn"))


@pytest.mark.parametrize("name", ["eager", "compile"])
def test_torch_peers_refuse_an_onnx_file_and_say_what_to_do(name: str, tmp_path) -> None:
    usable(name)
    with pytest.raises(ModelError, match=r"not ONNX files such as net\.onnx; choose other peers"):
        peers.get(name).prepare(tmp_path / "net.onnx", torch.rand(1, 3, 8, 8), threads=1)


def test_ncnn_refuses_a_batch_of_two(network: nn.Module) -> None:
    peer = usable("ncnn")
    with pytest.raises(ModelError, match="batch of 2"):
        peer.prepare(network, torch.rand(2, 3, 8, 8), threads=1)


class Failing(nn.Module):
    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        raise KeyError("nothing here\nand more")


def test_a_module_that_fails_is_told_of_in_one_error() -> None:
    with pytest.raises(ModelError, match=r"Failing fails on a frame of shape \(1, 3, 8, 8\) \(KeyError: .*--size"):
        example_outputs(Failing(), torch.zeros(1, 3, 8, 8))
