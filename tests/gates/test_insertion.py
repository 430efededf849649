"""Gates in networks: what changes, what does not, and what survives."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

import saccade
import saccade.gates
from saccade.errors import GateError, ModelError, RegistryError, WeightsError
from saccade.gates import Placement


def small_resnet(seed: int = 0, blocks: tuple[int, int, int, int] = (2, 1, 1, 1)) -> ResNet:
    """Returns torchvision's ResNet with few blocks, batch norm statistics that are not the initial ones, eval mode."""
    torch.manual_seed(seed)
    model = ResNet(BasicBlock, list(blocks), num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


class Halving(nn.Module):
    """A gate whose effect is plain to see: half of what it gets."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns half of x."""
        return x * self.factor


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def by_hand(plain: nn.Module, gated: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Returns what a ResNet with a gate after each stage should return."""
    gates = list(saccade.gates.gates_of(gated).values())
    x = plain.maxpool(plain.relu(plain.bn1(plain.conv1(images))))
    for stage, gate in zip((plain.layer1, plain.layer2, plain.layer3, plain.layer4), gates, strict=True):
        x = gate(stage(x))
    return plain.fc(torch.flatten(plain.avgpool(x), 1))


def test_gates_after_stages_compute_what_calling_them_by_hand_computes(images) -> None:
    plain = small_resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), "das", "stages")
    torch.testing.assert_close(gated(images), by_hand(plain, gated, images), rtol=0, atol=0)
    assert not torch.allclose(gated(images), plain(images))


def test_a_gate_on_the_branch_acts_before_the_skip_connection_is_added(images) -> None:
    plain = small_resnet()
    block, gated = plain.layer1[0], copy.deepcopy(plain)
    saccade.gates.insert(gated, Halving, "branches")
    x = plain.maxpool(plain.relu(plain.bn1(plain.conv1(images))))
    branch = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(gated.layer1[0](x), torch.relu(0.5 * branch + x))


def test_a_gate_on_the_blocks_acts_after_the_skip_connection_is_added(images) -> None:
    plain = small_resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), Halving, "blocks")
    x = plain.maxpool(plain.relu(plain.bn1(plain.conv1(images))))
    torch.testing.assert_close(gated.layer1[0](x), 0.5 * plain.layer1[0](x))
    assert list(saccade.gates.gates_of(gated)) == ["layer1.0", "layer1.1", "layer2.0", "layer3.0", "layer4.0"]


def test_a_gate_before_a_stage_acts_on_what_the_stage_takes(images) -> None:
    plain = small_resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), Halving, Placement("before_stages", stages=(4,)))
    x = torch.randn(1, 256, 4, 4)
    torch.testing.assert_close(gated.layer4(x), plain.layer4(x * 0.5))
    assert list(saccade.gates.gates_of(gated)) == ["layer4.0"]


@pytest.mark.parametrize("where", ["stages", "blocks", "branches", "last_blocks", "before_stages"])
def test_no_key_of_the_state_dict_changes_and_weights_load_strictly(where, images) -> None:
    plain = small_resnet(1)
    gated = saccade.gates.insert(small_resnet(2), "se", where)
    assert set(saccade.gates.backbone_state_dict(gated)) == set(plain.state_dict())
    before = {name: copy.deepcopy(gate.state_dict()) for name, gate in saccade.gates.gates_of(gated).items()}
    saccade.gates.load_backbone(gated, plain.state_dict())
    for key, value in plain.state_dict().items():
        assert torch.equal(gated.state_dict()[key], value)
    for name, gate in saccade.gates.gates_of(gated).items():
        assert all(torch.equal(gate.state_dict()[key], value) for key, value in before[name].items())
    saccade.gates.remove(gated)
    assert torch.equal(gated(images), plain(images))


def test_weights_that_do_not_fit_are_refused_and_nothing_is_loaded() -> None:
    gated = saccade.gates.insert(small_resnet(1), "se")
    state = small_resnet(2).state_dict()
    kept = gated.conv1.weight.clone()
    del state["fc.bias"]
    state["layer9.weight"] = torch.zeros(1)
    state["fc.weight"] = torch.zeros(7, 7)
    message = r"missing: fc.bias .*unexpected: layer9.weight .*of another shape: fc.weight"
    with pytest.raises(WeightsError, match=message):
        saccade.gates.load_backbone(gated, state)
    assert torch.equal(gated.conv1.weight, kept)


def test_a_start_at_the_identity_leaves_a_pretrained_network_as_it_was(images) -> None:
    plain = small_resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), "das", start="identity")
    torch.testing.assert_close(gated(images), plain(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["layer2", "layer1.0.bn1"], {"layer2.0": 128, "layer1.0.bn1": 64}),
        ("layer[34]", {"layer3.0": 256, "layer4.0": 512}),
        (["layer?.?"], {"layer1.0": 64, "layer1.1": 64, "layer2.0": 128, "layer3.0": 256, "layer4.0": 512}),
        (["maxpool"], {"maxpool": 64}),
    ],
)
def test_places_by_name_and_by_pattern_with_the_channels_found_there(where, expected) -> None:
    gated = saccade.gates.insert(small_resnet(), "se", where)
    assert {name: gate.channels for name, gate in saccade.gates.gates_of(gated).items()} == expected


def test_two_gates_of_different_places_live_together_and_leave_together(images) -> None:
    plain = small_resnet()
    gated = saccade.gates.insert(saccade.gates.insert(copy.deepcopy(plain), "se"), "das")
    assert len(saccade.gates.gates_of(gated)) == 9
    assert gated(images).shape == (2, 5)
    saccade.gates.remove(gated)
    assert type(gated.layer1[1]) is type(plain.layer1[1])
    assert torch.equal(gated(images), plain(images))


@pytest.mark.parametrize("where", ["stages", "branches", "before_stages"])
def test_a_gated_network_survives_copies_and_pickles(where, images) -> None:
    gated = saccade.gates.insert(small_resnet(), "das", where)
    file = io.BytesIO()
    torch.save(gated, file)
    file.seek(0)
    for copied in (copy.deepcopy(gated), pickle.loads(pickle.dumps(gated)), torch.load(file, weights_only=False)):
        assert torch.equal(copied(images), gated(images))
        assert copied.layer1[0].conv1.weight is not gated.layer1[0].conv1.weight
        assert isinstance(copied.layer1[1], torchvision.models.resnet.BasicBlock)


@pytest.mark.parametrize("strict", [False, True])
def test_a_gated_network_survives_export(strict, images) -> None:
    gated = saccade.gates.insert(small_resnet(blocks=(1, 1, 1, 1)), "se", "branches")
    exported = torch.export.export(gated, (images,), strict=strict).module()
    torch.testing.assert_close(exported(images), gated(images))


def test_a_gated_network_compiles_to_one_graph(images) -> None:
    gated = saccade.gates.insert(small_resnet(blocks=(1, 1, 1, 1)), "se")
    saccade.gates.insert(gated, "das", ["layer4"])
    compiled = torch.compile(gated, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), gated(images))


def test_a_gated_network_trains_under_distributed_data_parallel(tmp_path: Path, images) -> None:
    gated = saccade.gates.insert(small_resnet(), "se").train()
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        parallel = nn.parallel.DistributedDataParallel(gated)
        for _ in range(2):  # a parameter that took no part in the first step would fail the second
            parallel(images).square().sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    assert all(parameter.grad is not None for parameter in gated.parameters())


def test_batch_norms_become_synchronised_and_keep_their_gates(images) -> None:
    gated = saccade.gates.insert(small_resnet(), "se")
    before = gated(images)
    converted = saccade.gates.convert_sync_batchnorm(gated)
    assert isinstance(converted.layer1[0].bn2, nn.SyncBatchNorm)
    assert len(saccade.gates.gates_of(converted)) == 5
    torch.testing.assert_close(converted(images), before)


def test_a_gated_network_runs_incrementally_and_exactly(images) -> None:
    gated = saccade.gates.insert(small_resnet(blocks=(1, 1, 1, 1)), "das").requires_grad_(False)
    stream = saccade.incremental(gated)
    frame = images[:1].clone()
    for step in range(3):
        frame[..., step * 8 : step * 8 + 4, 4:9] += 0.5
        outputs = stream(frame)
        assert torch.equal(outputs, stream.dense(frame))
        torch.testing.assert_close(outputs, gated(frame), rtol=1e-4, atol=1e-4)


def test_gates_take_the_dtype_and_the_mode_of_the_network() -> None:
    gated = saccade.gates.insert(small_resnet().double().train(), "das")
    for gate in saccade.gates.gates_of(gated).values():
        assert gate.training
        assert all(parameter.dtype == torch.float64 for parameter in gate.parameters())


def test_gates_of_a_network_on_the_meta_device_cost_nothing() -> None:
    with torch.device("meta"):
        model = torchvision.models.resnet50()
    gated = saccade.gates.insert(model, "das")
    assert all(parameter.is_meta for parameter in gated.parameters())


@pytest.mark.parametrize("name", ["densenet121", "regnet_y_400mf", "shufflenet_v2_x0_5", "vgg11", "convnext_tiny"])
def test_each_gate_of_networks_of_other_makes_is_called_once(name) -> None:
    model = saccade.gates.insert(torchvision.models.get_model(name), Halving, "stages").eval()
    calls = []
    for place, gate in saccade.gates.gates_of(model).items():
        gate.register_forward_hook(lambda *_, place=place: calls.append(place))
    with torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    assert sorted(calls) == sorted(saccade.gates.gates_of(model))
    assert len(calls) >= 3


def test_a_module_that_runs_all_of_its_children_is_gated_at_the_last_of_them() -> None:
    class Stage(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for child in self.children():
                x = child(x)
            return x

    model = nn.Sequential(Stage(), nn.ReLU())
    x = torch.randn(1, 3, 8, 8)
    plain = model[0](x)
    saccade.gates.insert(model, Halving, ["0"])
    assert list(saccade.gates.gates_of(model)) == ["0.two"]
    torch.testing.assert_close(model[0](x), plain * 0.5)


def test_an_unknown_gate_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match=r"unknown gate 'sea'; known: .*das.*se"):
        saccade.gates.insert(small_resnet(), "sea")


@pytest.mark.parametrize("where", ["stage", ["layer9"], "layer7.*"])
def test_an_unknown_place_is_an_error_that_lists_the_known_ones(where) -> None:
    message = r"unknown place '.*': ResNet has no such module; known: stages, blocks, branches, .*layer1, layer2"
    with pytest.raises(GateError, match=message):
        saccade.gates.insert(small_resnet(), "se", where)


def test_a_close_place_is_named() -> None:
    with pytest.raises(GateError, match="did you mean 'layer1'"):
        saccade.gates.insert(small_resnet(), "se", ["layer_1"])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (["layer1.0.relu"], r"'layer1.0.relu' \(ReLU\) is called 2 times in a run"),
        (["fc"], r"'fc' \(Linear\) returns a tensor of shape \(1, 5\); a gate takes features"),
        ([], "where is empty; known: stages"),
    ],
)
def test_a_place_at_which_there_can_be_no_gate_is_an_error(where, message) -> None:
    with pytest.raises(GateError, match=message):
        saccade.gates.insert(small_resnet(), "se", where)


def test_a_second_gate_at_the_same_place_is_an_error_and_changes_nothing() -> None:
    gated = saccade.gates.insert(small_resnet(), "se", ["layer2"])
    with pytest.raises(GateError, match=r"'layer2.0' is gated already"):
        saccade.gates.insert(gated, "das", "stages")
    assert list(saccade.gates.gates_of(gated)) == ["layer2.0"]


def test_a_model_without_convolutions_is_an_error() -> None:
    with pytest.raises(ModelError, match="Sequential has no convolution"):
        saccade.gates.insert(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), "se")


def test_a_model_that_does_not_run_on_the_example_is_an_error_that_says_why() -> None:
    with pytest.raises(ModelError, match=r"ResNet does not run on images of shape 1x7x32x32: .*channel.*example="):
        saccade.gates.insert(small_resnet(), "se", example=(1, 7, 32, 32))


def test_a_network_of_one_size_is_run_at_the_size_it_takes() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))
    saccade.gates.insert(model, "se")
    assert list(saccade.gates.gates_of(model)) == ["1"]
    assert model(torch.zeros(1, 1, 28, 28)).shape == (1, 3)


def test_a_network_that_reads_values_is_run_on_zeros() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.convolution(x / max(1.0, float(x.max())))

    assert list(saccade.gates.gates_of(saccade.gates.insert(Scaled(), "se"))) == ["convolution"]


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_wrapped_model_is_an_error_that_says_the_order(wrap) -> None:
    with pytest.raises(ModelError, match="insert gates first"):
        saccade.gates.insert(wrap(small_resnet()), "se")


def test_options_with_a_function_are_an_error() -> None:
    with pytest.raises(GateError, match="options alpha are given with a function"):
        saccade.gates.insert(small_resnet(), Halving, alpha=0.1)


def test_a_function_that_returns_no_module_is_an_error() -> None:
    with pytest.raises(GateError, match="the function gave a int for 64 channels"):
        saccade.gates.insert(small_resnet(), lambda channels: channels)


def test_gates_that_fold_into_a_batch_norm_leave_the_outputs_as_they_were(images) -> None:
    gated = saccade.gates.insert(small_resnet(), "asr")
    before = gated(images)
    saccade.gates.fold(gated)
    assert saccade.gates.gates_of(gated) == {}
    assert set(gated.state_dict()) == set(small_resnet().state_dict())
    torch.testing.assert_close(gated(images), before)
    assert not torch.allclose(before, small_resnet()(images))


def test_a_network_without_gates_that_fold_is_an_error() -> None:
    with pytest.raises(GateError, match="no gate of this network can be folded"):
        saccade.gates.fold(saccade.gates.insert(small_resnet(), "se"))


def test_a_stride_that_a_gate_asks_for_leaves_with_it(images) -> None:
    model = small_resnet()
    before = model(images)
    saccade.gates.insert(model, "gsop")
    assert model.layer4[0].conv1.stride == (1, 1)
    saccade.gates.remove(model)
    assert model.layer4[0].conv1.stride == (2, 2)
    assert torch.equal(model(images), before)


@pytest.mark.parametrize(("name", "gate"), [("squeezenet1_1", "emca"), ("squeezenet1_1", "abn"), ("googlenet", "emca")])
def test_a_gate_with_which_a_network_does_not_run_is_an_error_and_changes_nothing(name, gate) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **options).eval()
    keys, example = list(model.state_dict()), torch.rand(1, 3, 64, 64)
    before = model(example)
    with pytest.raises(GateError, match=r"does not run with the gate at .*where="):
        saccade.gates.insert(model, gate)
    assert list(model.state_dict()) == keys
    assert torch.equal(model(example), before)
    assert not saccade.gates.gates_of(model)


def test_what_is_no_model_and_what_is_no_place_are_errors() -> None:
    with pytest.raises(ModelError, match=r"a str was given; expected a torch\.nn\.Module"):
        saccade.gates.insert("resnet18", "das")
    with pytest.raises(GateError, match="where=5 was given; expected names or patterns"):
        saccade.gates.insert(small_resnet(), "das", 5)


class Cutting(nn.Module):
    """A gate that no network runs with."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns half of the channels."""
        return x[:, : x.shape[1] // 2]


def test_an_insertion_that_fails_leaves_an_earlier_gate_its_stride(images) -> None:
    model = saccade.gates.insert(small_resnet(), "gsop")
    before = model(images)
    with pytest.raises(GateError, match="does not run with the gate"):
        saccade.gates.insert(model, lambda channels: Cutting(), where="layer1")
    assert torch.equal(model(images), before)
    assert list(saccade.gates.gates_of(model))
