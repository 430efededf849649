"""Resolving --model and --weights."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import nn

from saccade.cli.models import choose_model
from saccade.errors import MissingPackageError, UnknownModelError, WeightsError


def test_torchvision_model_without_weights_warns_that_they_are_random():
    chosen = choose_model("torchvision:squeezenet1_1")
    assert "random" in chosen.warning
    assert not chosen.model.training
    assert chosen.preprocessing.mean == (0.485, 0.456, 0.406)


def test_torchvision_model_with_its_own_weights_does_not_warn_and_knows_its_classes(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(choose_model("torchvision:squeezenet1_1").model.state_dict(), path)
    chosen = choose_model("torchvision:squeezenet1_1", str(path))
    assert chosen.warning is None
    assert len(chosen.categories) == 1000


@pytest.mark.parametrize(
    "name", ["googlenet", "inception_v3", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"]
)
def test_torchvision_model_with_options_of_its_own_is_built_without_a_download(name):
    assert isinstance(choose_model(f"torchvision:{name}").model, nn.Module)


def test_torchvision_detector_normalises_by_itself():
    chosen = choose_model("torchvision:ssdlite320_mobilenet_v3_large")
    assert (chosen.preprocessing.mean, chosen.preprocessing.std) == ((0.0,), (1.0,))


def test_timm_model_brings_its_normalisation():
    pytest.importorskip("timm", reason="needs timm")
    chosen = choose_model("timm:mobilenetv3_small_050")
    assert len(chosen.preprocessing.mean) == 3
    assert "random" in chosen.warning


def test_unknown_timm_model_names_close_ones():
    pytest.importorskip("timm", reason="needs timm")
    with pytest.raises(UnknownModelError, match="did you mean 'resnet18'"):
        choose_model("timm:resnet188")


def test_timm_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(MissingPackageError, match="pip install timm"):
        choose_model("timm:resnet18")


def test_onnx_file_gives_its_fixed_size(tmp_path):
    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, 24, 32])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 24, 32])
    graph = helper.make_graph([helper.make_node("Relu", ["frame"], ["out"])], "g", [frame], [out])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path)
    chosen = choose_model(str(path))
    assert chosen.preprocessing.size == (24, 32)
    with pytest.raises(WeightsError, match="holds its own weights"):
        choose_model(str(path), "w.pt")
