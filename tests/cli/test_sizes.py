"""saccade sizes."""

from __future__ import annotations

import json

import pytest


def test_sizes_of_a_plain_network(call):
    ended = call("sizes", "resnet18")
    assert ended.code == 0
    assert "11.6895" in ended.out
    assert "1.8240" in ended.out


@pytest.mark.parametrize(
    ("convention", "parameters", "macs"), [("paper", "11.8168", "1.8564"), ("true", "12.4486", "1.9501")]
)
def test_sizes_of_a_gated_network_in_both_conventions(call, convention, parameters, macs):
    ended = call("sizes", "resnet18", "--gate", "das", "--convention", convention)
    assert ended.code == 0
    assert parameters in ended.out
    assert macs in ended.out
    assert "at layer1.1, layer2.1, layer3.1, layer4.1" in ended.out


def test_the_findings_as_json_hold_every_count(call, tmp_path):
    path = tmp_path / "sizes.json"
    options = ("--gate", "das", "--option", "alpha=0.5", "--option", "start=paper", "--where", "layer[34]")
    assert call("sizes", "timm:resnet18", *options, "--size", "64x96", "--json", path).code == 0
    found = json.loads(path.read_text())
    assert found["input"] == [1, 3, 64, 96]
    assert list(found["gates"]) == ["layer3.1", "layer4.1"]
    assert found["parameters"] == found["total"]["parameters"] == 11_689_512 + sum(found["gates"].values())
    assert found["total"]["gate_parameters"] == sum(found["gates"].values())
    assert found["total"]["paper_macs"] < found["macs"]


def test_a_network_of_a_factory_is_counted(call, factory):
    ended = call("sizes", factory, "--gate", "se", "--where", "0", "--where", "2", "--size", "32x32")
    assert ended.code == 0
    assert "se, 2 gates" in ended.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resnet188",), "no model 'resnet188'; did you mean 'resnet18'"),
        (("resnet18", "--gate", "sea"), "unknown gate 'sea'; known: a2, abn"),
        (("resnet18", "--gate", "se", "--where", "stage9"), "unknown place 'stage9'"),
        (
            ("resnet18", "--gate", "se", "--option", "ratio=2"),
            "gate 'se' has no option 'ratio'; known: reduction, bias",
        ),
        (("resnet18", "--gate", "das", "--option", "alpha"), "'alpha' is not NAME=VALUE"),
        (("resnet18", "--gate", "das", "--option", "alpha=2"), "alpha is 2; give the share of channels"),
        (("resnet18", "--where", "stages"), "--where and --option are a gate's"),
        (("model.onnx",), "'model.onnx' is an ONNX file"),
        (("resnet18", "--json", "/no/such/folder/sizes.json"), "there is no folder"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(call, words, message):
    ended = call("sizes", *words)
    assert ended.code == 2
    assert message in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_an_unknown_convention_is_a_mistake(call):
    ended = call("sizes", "resnet18", "--convention", "honest")
    assert ended.code == 2
    assert "honest" in ended.err


def test_a_network_without_convolutions_cannot_be_gated(call, tmp_path, monkeypatch):
    (tmp_path / "flat_networks.py").write_text(
        "from torch import nn\ndef flat():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert call("sizes", "flat_networks:flat", "--size", "8x8").code == 0
    ended = call("sizes", "flat_networks:flat", "--size", "8x8", "--gate", "das")
    assert ended.code == 2
    assert "has no convolution" in ended.err
