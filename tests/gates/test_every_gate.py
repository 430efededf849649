"""What holds for every gate: gradients, no memory of a call, memory formats, types, compilation and export."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import saccade.gates
from saccade.gates import Gate

NAMES = saccade.gates.list_gates(ablations=True)
every_gate = pytest.mark.parametrize("name", NAMES)
# Their output is x times the map; BAM's and ABN's is x + x times the map, the others add something or replace x.
MULTIPLYING = ("asr", "cbam", "das", "das_b", "das_d", "das_e", "das_f", "eca", "emca", "gala", "gsop", "se", "srm")
MULTIPLYING = (*MULTIPLYING, "triplet")


def make(name: str, channels: int = 16, **options: object) -> Gate:
    """Returns a gate in eval mode with every parameter and statistic random, so that nothing is idle."""
    torch.manual_seed(0)
    small = {"gsop": {"dimension": 6}, "abn": {"classes": 5}, "a2": {}}.get(name, {})
    gate = saccade.gates.create(name, channels, **{**small, **options})
    for parameter in gate.parameters():
        nn.init.normal_(parameter, std=0.3)
    for key, buffer in gate.named_buffers():
        if key.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 2)
        elif key.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.3)
    return gate.eval()


def features(channels: int = 16, kind: torch.dtype = torch.float32) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, channels, 6, 5, dtype=kind)


@every_gate
def test_the_gradients_are_those_of_finite_differences(name) -> None:
    gate = make(name, 8).double()
    torch.manual_seed(1)
    x = torch.randn(1, 8, 3, 4, dtype=torch.float64, requires_grad=True)
    names, parameters = zip(*gate.named_parameters(), strict=True)

    def call(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(gate, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(call, (x, *parameters), fast_mode=True)


@every_gate
def test_every_parameter_is_used(name) -> None:
    gate = make(name)
    with saccade.gates.collect_scores() as scores:
        gated = gate(features())
    (gated.square().sum() + sum(score.square().sum() for score in scores)).backward()
    assert [key for key, parameter in gate.named_parameters() if parameter.grad is None] == []


@every_gate
def test_nothing_of_a_call_stays_in_the_gate(name) -> None:
    gate = make(name)
    x = features()
    before = {key: value.clone() for key, value in gate.state_dict().items()}
    attributes = [set(vars(module)) for module in gate.modules()]
    first = gate(x)
    gate.attention(x)
    gate(features() + 3)
    assert torch.equal(gate(x), first)
    assert attributes == [set(vars(module)) for module in gate.modules()]
    assert all(torch.equal(value, before[key]) for key, value in gate.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in gate.modules())


@every_gate
def test_images_of_a_batch_do_not_see_each_other(name) -> None:
    gate, x = make(name), features()
    torch.testing.assert_close(torch.cat((gate(x[:1]), gate(x[1:]))), gate(x), rtol=1e-4, atol=1e-5)


@every_gate
def test_a_map_has_the_batch_of_its_features_and_their_size_or_one(name) -> None:
    gate, x = make(name), features()
    shown = gate.attention(x)
    assert shown.ndim == 4
    assert shown.shape[0] == 2
    if name != "dat":  # its keys lie on a grid of their own
        assert shown.shape[2:] in (x.shape[2:], (1, 1))


@pytest.mark.parametrize("name", MULTIPLYING)
def test_a_multiplying_gate_is_its_map_times_its_features(name) -> None:
    gate, x = make(name), features()
    torch.testing.assert_close(x * gate.attention(x), gate(x))


@pytest.mark.parametrize("name", ["abn", "bam"])
def test_a_residual_gate_is_one_plus_its_map_times_its_features(name) -> None:
    gate, x = make(name), features()
    torch.testing.assert_close(x * (1 + gate.attention(x)), gate(x))


@every_gate
def test_channels_last_features_give_the_same_result_in_channels_last(name) -> None:
    gate, x = make(name), features()
    expected = gate(x)
    converted = gate.to(memory_format=torch.channels_last)
    result = converted(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    assert result.is_contiguous(memory_format=torch.channels_last)


@every_gate
def test_a_copy_and_a_loaded_state_compute_the_same(name) -> None:
    gate, x = make(name), features()
    assert torch.equal(copy.deepcopy(gate)(x), gate(x))
    other = saccade.gates.create(name, 16, **{"gsop": {"dimension": 6}, "abn": {"classes": 5}}.get(name, {})).eval()
    other.load_state_dict(gate.state_dict())
    assert torch.equal(other(x), gate(x))


@every_gate
def test_autocast_to_bfloat16_on_the_cpu_stays_close_and_trains(name) -> None:
    gate, x = make(name), features()
    for parameter in gate.parameters():
        nn.init.normal_(parameter, std=0.1)
    expected = gate(x)
    with torch.autocast("cpu", torch.bfloat16):
        result = gate(x)
    assert (result.float() - expected).norm() <= 0.05 * expected.norm()
    result.float().square().sum().backward()
    used = [parameter.grad for parameter in gate.parameters() if parameter.grad is not None]
    assert used
    assert all(gradient.isfinite().all() for gradient in used)


@every_gate
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_autocast_on_a_gpu_stays_close(name, kind) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    gate, x = make(name).cuda(), features().cuda()
    expected = gate(x)
    with torch.autocast("cuda", kind):
        result = gate(x)
    assert (result.float() - expected).norm() <= 0.05 * expected.norm()


@every_gate
def test_a_gate_compiles_without_a_graph_break(name) -> None:
    if name == "abn" and torch.__version__ < (2, 14):
        pytest.skip("older releases of torch break the graph where it asks whether scores are collected")
    torch.compiler.reset()
    gate, x = make(name), features()
    compiled = torch.compile(gate, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), gate(x), rtol=1e-4, atol=1e-5)


@every_gate
def test_a_gate_exports_and_the_graph_computes_the_same(name) -> None:
    if name in ("abn", "dat") and torch.__version__ < (2, 8):
        pytest.skip("older releases of torch export it non-strictly alone")
    gate, x = make(name), features()
    program = torch.export.export(gate, (x,))
    torch.testing.assert_close(program.module()(x), gate(x), rtol=1e-4, atol=1e-5)
