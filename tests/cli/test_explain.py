"""saccade explain, from what is typed to what is on disk."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from saccade.explain import Framing, salient_feature_detection
from saccade.explain.grad_cam import _method

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed; run: pip install 'saccade[explain]'")

NETWORKS = """
import torch
from torch import nn
import saccade.gates

def plain():
    torch.manual_seed(0)
    def stage(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU())
    model = nn.Sequential(stage(3, 8), stage(8, 12), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4))
    with torch.no_grad():  # nothing speaks against a class, so that no map is empty
        for parameter in model.parameters():
            parameter.abs_()
    return model

def gated():
    return saccade.gates.insert(plain(), "das", ["0", "1"])

def segmenter():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Returns the current folder, with networks, two photographs, masks and names of classes in it."""
    (tmp_path / "explained_networks.py").write_text(NETWORKS)
    for number, name in enumerate(("cat.png", "dog.jpg")):
        rgb = np.random.default_rng(number).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / name)
    (tmp_path / "masks").mkdir()
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[20:40, 30:60] = 255
    for name in ("cat.png", "dog.png"):
        Image.fromarray(mask).save(tmp_path / "masks" / name)
    (tmp_path / "names.txt").write_text("cat\ndog\nbird\nfish\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def explain(here, call):
    """Returns a function that runs saccade explain with the plain network at 48x48."""
    return lambda *words: call("explain", *words, "--size", "48x48", "--model", "explained_networks:plain")


def test_two_networks_and_two_photographs_are_drawn_scored_and_told(here, explain) -> None:
    ended = explain("cat.png", "dog.jpg", "--compare", "explained_networks:gated", "--masks", "masks", "--class", "dog",
                    "--categories", "names.txt", "--out", "out", "--json", "out.json")  # fmt: skip
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "cat.gates-2.png", "cat.png", "dog.gates-2.png", "dog.png"
    ]  # fmt: skip
    report = json.loads((here / "out.json").read_text())
    assert [entry["image"] for entry in report["images"]] == ["cat.png", "dog.jpg"]
    assert [network["name"] for network in report["networks"]] == [
        "explained_networks:plain",
        "explained_networks:gated",
    ]
    assert report["rule"] == {"base": 10.0, "subtract_one": True, "threshold": 0.2, "surroundings": "box"}
    for entry in report["images"]:
        for told in entry["explanations"]:
            assert (told["class"], told["class_name"]) == (1, "dog")
            for stage in told["stages"]:
                assert stage["value"] == pytest.approx(stage["inside"] / (stage["inside"] + stage["outside"]))
                assert stage["sweep"]["0.2"] == stage["value"]
    assert len(report["images"][0]["explanations"][1]["gates"]) == 2
    for mean in report["means"]:
        place = [network["name"] for network in report["networks"]].index(mean["network"])
        number = int(mean["stage"].split()[1]) - 1
        values = [entry["explanations"][place]["stages"][number]["value"] for entry in report["images"]]
        assert mean["mean"] == pytest.approx(sum(values) / 2)
        assert (mean["images"], mean["skipped"]) == (2, 0)
    assert not list(here.glob(".*partial*"))


def test_scores_are_those_of_the_framed_mask_and_the_networks_own_maps(here, explain) -> None:
    from saccade.explain import grad_cam, read_mask, read_photograph

    assert explain("cat.png", "--masks", "masks", "--class", 3, "--mean", 0, "--std", 1, "--json", "out.json").code == 0
    stages = json.loads((here / "out.json").read_text())["images"][0]["explanations"][0]["stages"]
    sys.path.insert(0, str(here))
    import explained_networks

    model, framing = explained_networks.plain().eval(), Framing((48, 48))
    frame = torch.from_numpy(framing.picture(read_photograph("cat.png")).copy()).permute(2, 0, 1)[None] / 255
    region = framing.region(read_mask("masks/cat.png", (60, 80)))
    for stage, layer in zip(stages, (model[0], model[1]), strict=True):
        weights = grad_cam(model, frame, [layer], [3]).maps[0][0]
        assert stage["value"] == pytest.approx(salient_feature_detection(weights, region).value, abs=1e-5)


def test_classes_and_boxes_come_from_labels(here, explain) -> None:
    entries = [{"image": "cat.png", "class": "cat", "boxes": [[10, 10, 50, 50]]}, {"image": "dog.jpg", "class": 1}]
    (here / "labels.json").write_text(json.dumps({"images": entries}))
    ended = explain("cat.png", "dog.jpg", "--labels", "labels.json", "--categories", "names.txt", "--json", "out.json")
    assert ended.code == 0, ended.err
    cat, dog = (entry["explanations"][0] for entry in json.loads((here / "out.json").read_text())["images"])
    assert (cat["class"], dog["class"]) == (0, 1)
    assert 0 < cat["stages"][0]["value"] < 1
    assert "value" not in dog["stages"][0]


def test_a_region_that_is_cropped_away_is_skipped_and_counted(here, explain) -> None:
    entries = [{"image": "cat.png", "boxes": [[0, 0, 5, 60]]}, {"image": "dog.jpg", "boxes": [[20, 10, 60, 50]]}]
    (here / "labels.json").write_text(json.dumps({"images": entries}))
    ended = explain("cat.png", "dog.jpg", "--labels", "labels.json", "--stage", "2", "--json", "out.json")
    assert ended.code == 0, ended.err
    assert "skipped" in ended.out
    (mean,) = json.loads((here / "out.json").read_text())["means"]
    assert (mean["images"], mean["skipped"]) == (1, 1)


def test_without_regions_there_are_pictures_and_no_scores(here, explain) -> None:
    ended = explain("cat.png", "--stage", "1", "--stage", "1.0")
    assert ended.code == 0, ended.err
    assert (here / "saccade-explain" / "cat.png").is_file()
    assert "sfd" not in ended.out


def test_the_comparison_is_asked_for_the_class_that_the_first_network_chose(here, explain) -> None:
    explain("cat.png", "--compare", "explained_networks:gated", "--json", "out.json")
    first, second = json.loads((here / "out.json").read_text())["images"][0]["explanations"]
    assert first["class"] == first["first_choice"] == second["class"]


def test_photographs_of_one_name_do_not_overwrite_each_other(here, explain) -> None:
    (here / "more").mkdir()
    Image.open("cat.png").save("more/cat.jpg")
    assert explain("cat.png", "more/cat.jpg", "--out", "out").code == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == ["cat-2.png", "cat.png"]


def test_what_is_in_the_folder_stays(here, explain) -> None:
    (here / "out").mkdir()
    (here / "out" / "notes.txt").write_text("mine")
    assert explain("cat.png", "--out", "out").code == 0
    assert (here / "out" / "notes.txt").read_text() == "mine"
    assert (here / "out" / "cat.png").is_file()


def test_a_picture_is_written_through_a_link_and_the_link_stays(here, explain) -> None:
    (here / "out").mkdir()
    (here / "out" / "cat.png").symlink_to(here / "elsewhere.png")
    assert explain("cat.png", "--out", "out").code == 0
    assert (here / "out" / "cat.png").is_symlink()
    assert (here / "elsewhere.png").read_bytes().startswith(b"\x89PNG")


def test_random_weights_are_said_to_be_random(here, call) -> None:
    ended = call("explain", "cat.png", "--model", "torchvision:squeezenet1_1", "--size", "64x64", "--json", "out.json")
    assert ended.code == 0, ended.err
    assert "weights of torchvision:squeezenet1_1 are random" in ended.err
    assert "random" in json.loads((here / "out.json").read_text())["networks"][0]["weights"]


def test_a_gate_by_name_is_compared_with_the_same_network_without_it(here, explain) -> None:
    ended = explain("cat.png", "--gate", "das", "--option", "start=identity", "--option", "alpha=0.5", "--where", "0",
                    "--where", "1", "--compare",
                    "explained_networks:plain", "--json", "out.json")  # fmt: skip
    assert ended.code == 0, ended.err
    assert "the gates (das) are untrained" in ended.err
    report = json.loads((here / "out.json").read_text())
    gated, plain = report["images"][0]["explanations"]
    assert (gated["network"], plain["network"]) == ("explained_networks:plain + das", "explained_networks:plain")
    assert report["networks"][0]["weights"].endswith("untrained gates")
    assert [gate["gate"] for gate in gated["gates"]] == ["0.2.attention_gate", "1.2.attention_gate"]
    assert plain["gates"] == []
    # A gate that starts at the identity changes nothing yet.
    assert gated["probability"] == pytest.approx(plain["probability"], rel=1e-4)


@pytest.mark.parametrize("trained", [True, False])
def test_weights_of_a_gated_network_may_hold_its_gates_or_not(here, explain, trained) -> None:
    sys.path.insert(0, str(here))
    import explained_networks

    model = explained_networks.gated() if trained else explained_networks.plain()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    torch.save(model.state_dict(), here / "weights.pt")
    ended = explain(
        "cat.png", "--gate", "das", "--where", "0", "--where", "1", "--weights", "weights.pt", "--json", "out.json"
    )
    assert ended.code == 0, ended.err
    assert ("untrained" in ended.err) is not trained
    report = json.loads((here / "out.json").read_text())
    assert report["networks"][0]["weights"] == "weights of weights.pt" + ", untrained gates" * (not trained)
    if trained:
        from saccade.explain import read_photograph

        picture = torch.from_numpy(Framing((48, 48)).picture(read_photograph("cat.png")).copy()).permute(2, 0, 1) / 255
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        with torch.no_grad():
            expected = model.eval()(((picture - mean[:, None, None]) / std[:, None, None])[None]).softmax(1).max()
        assert report["images"][0]["explanations"][0]["probability"] == pytest.approx(float(expected), abs=1e-4)


def test_networks_of_one_name_are_told_apart(here, explain) -> None:
    (here / "shared_network.py").write_text("import explained_networks\nnetwork = explained_networks.plain()\n")
    import explained_networks

    torch.save({key: value * 0 for key, value in explained_networks.plain().state_dict().items()}, here / "zero.pt")
    ended = explain(
        "cat.png", "--compare", "explained_networks:plain", "--compare-weights", "zero.pt", "--json", "o.json"
    )
    assert ended.code == 0, ended.err
    first, second = (network["name"] for network in json.loads((here / "o.json").read_text())["networks"])
    assert first == "explained_networks:plain (weights as its function made them)"
    assert second == "explained_networks:plain (weights of zero.pt)"


def test_a_module_given_twice_does_not_get_the_weights_of_the_other(here, call) -> None:
    (here / "shared_network.py").write_text("import explained_networks\nnetwork = explained_networks.plain()\n")
    sys.path.insert(0, str(here))
    import explained_networks

    torch.save({key: value * 0 for key, value in explained_networks.plain().state_dict().items()}, here / "zero.pt")
    ended = call("explain", "cat.png", "--size", "48x48", "--model", "shared_network:network", "--compare",
                 "shared_network:network", "--compare-weights", "zero.pt", "--json", "o.json")  # fmt: skip
    assert ended.code == 0, ended.err
    first, second = json.loads((here / "o.json").read_text())["images"][0]["explanations"]
    assert second["probability"] == 0.25
    assert first["probability"] != 0.25


def _bad_files(here) -> None:
    (here / "text.png").write_text("this is no image")
    (here / "cut.png").write_bytes((here / "cat.png").read_bytes()[:3000])
    Image.new("L", (80, 61)).save(here / "large.png")
    (here / "few").mkdir()
    (here / "labels.json").write_text('{"images": [{"image": "cat.png", "boxes": [[0, 0, 900, 10]]}]}')
    (here / "broken.json").write_text('{"images": [{"image": 3}]}')
    (here / "empty.txt").write_text("\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.png",), "no file at 'nowhere.png'; check the path"),
        (("masks",), "'masks' is a folder; expected an image file"),
        (("text.png",), "'text.png' is not an image that can be read"),
        (("cat.png", "text.png"), "'text.png' is not an image that can be read"),
        (("cut.png",), "the image 'cut.png' cannot be read"),
        (("cat.png", "--masks", "large.png"), "is 61 x 80 (height x width), but its image is 60 x 80"),
        (("cat.png", "--masks", "nowhere.png"), "no file at 'nowhere.png'"),
        (("cat.png", "--masks", "few"), "no mask of 'cat.png' in 'few'; expected cat.png"),
        (("cat.png", "dog.jpg", "--masks", "masks/cat.png"), "is one mask for 2 images; give a folder"),
        (("cat.png", "dog.jpg", "--masks", "nowhere"), "no folder of masks at 'nowhere'"),
        (("cat.png", "--labels", "labels.json"), "reaches beyond the image, which is 60 x 80"),
        (("dog.jpg", "--labels", "labels.json"), "no entry of 'dog.jpg' among the labels; they know cat.png"),
        (("cat.png", "--labels", "broken.json"), "images.0.image: Input should be a valid string"),
        (("cat.png", "--labels", "nowhere.json"), "no file at 'nowhere.json'"),
        (("cat.png", "--stage", "3"), "no stage or module '3'; its stages: 1 (0), 2 (1)"),
        (("cat.png", "--stage", "1.7"), "no stage or module '1.7'"),
        (("cat.png", "--class", "4"), "class 4 is out of range; the model knows 0 to 3"),
        (("cat.png", "--class", "cat"), "the names of the classes of explained_networks:plain are not known"),
        (("cat.png", "--class", "cot", "--categories", "names.txt"), "has no class 'cot'; did you mean 'cat'?"),
        (("cat.png", "--categories", "empty.txt"), "there are no names of classes in 'empty.txt'"),
        (("cat.png", "--categories", "nowhere.txt"), "cannot read the names of classes in 'nowhere.txt'"),
        (("cat.png", "--compare", "explained_networks:segmenter"), "expected one tensor of logits"),
        (("cat.png", "--compare", "explained_networks:plan"), "did you mean 'plain'"),
        (("cat.png", "--compare-weights", "x.pt"), "need --compare, the network that they belong to"),
        (("cat.png", "--compare-gate", "das"), "need --compare, the network that they belong to"),
        (("cat.png", "--gate", "dsa"), "unknown gate 'dsa'; known: "),
        (("cat.png", "--gate", "das", "--option", "alhpa=0.1"), "gate 'das' has no option 'alhpa'"),
        (("cat.png", "--gate", "das", "--option", "alpha=2"), "alpha is 2; give the share"),
        (("cat.png", "--gate", "das", "--option", "alpha"), "--option 'alpha' is not NAME=VALUE"),
        (("cat.png", "--option", "alpha=1"), "--option is a gate's; name one with --gate"),
        (("cat.png", "--compare-option", "alpha=1"), "name one with --compare-gate"),
        (("cat.png", "--gate", "das", "--where", "layer9"), "layer9"),
        (("cat.png", "--where", "stages"), "name one with --gate"),
        (("cat.png", "--base", "ten"), "'ten' is no base"),
        (("cat.png", "--base", "1"), "base is 1.0; expected a number above 1"),
        (("cat.png", "--threshold", "2"), "threshold is 2.0; expected a weight from 0 to 1"),
        (("cat.png", "--share", "0"), "share is 0.0; expected the part of the sides"),
        (("cat.png", "--colours", "rainbough"), "no colour scale 'rainbough'"),
        (("cat.png", "--words", "cat"), "--words goes with --ground"),
        (("cat.png", "--ground", "--masks", "masks"), "give one of them"),
        (("cat.png", "--out", "names.txt"), "it is a file; choose another name with --out"),
        (("cat.png", "--out", "cat-map.png"), "--out names a folder"),
        (("cat.png", "--out", "no/where"), "there is no folder 'no'"),
        (("cat.png", "--json", "no/where.json"), "there is no folder 'no'"),
        (("cat.png", "--json", "cat.png"), "--json names 'cat.png', which is read as IMAGES"),
        (("dog.jpg", "cat.png", "--out", "."), "--out names 'cat.png', which is read as IMAGES"),
        (("dog.jpg", "--json", "dog.png", "--out", "."), "--json and --out both name 'dog.png'"),
    ],
)
def test_a_mistake_ends_with_one_line_and_leaves_nothing_behind(here, explain, words, told) -> None:
    _bad_files(here)
    before = sorted(path for path in here.rglob("*") if "__pycache__" not in path.parts)
    ended = explain(*words)
    assert ended.code == 2
    assert told in " ".join(ended.err.replace("│", " ").split())
    assert sorted(path for path in here.rglob("*") if "__pycache__" not in path.parts) == before


def test_an_onnx_file_is_an_error(here, call) -> None:
    from onnx import TensorProto, helper, save

    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, 8, 8])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, 8, 8])
    graph = helper.make_graph([helper.make_node("Relu", ["frame"], ["output"])], "net", [frame], [output])
    save(helper.make_model(graph), here / "net.onnx")
    ended = call("explain", "cat.png", "--model", "net.onnx")
    assert ended.code == 2
    assert "is an ONNX file, which has no gradients; give the torch model" in ended.err


def test_a_failure_at_the_last_photograph_leaves_nothing_behind(here, explain, monkeypatch) -> None:
    from saccade import explain as room

    drawn, original = [], room.comparison_figure

    def fails_the_second_time(*arguments, **keywords):
        drawn.append(1)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    monkeypatch.setattr(room, "comparison_figure", fails_the_second_time)
    before = sorted(here.iterdir())
    ended = explain("cat.png", "dog.jpg", "--out", "out", "--json", "out.json")
    assert ended.code != 0
    assert [path for path in here.iterdir() if path not in before and path.name != "__pycache__"] == []


def test_a_missing_package_is_an_error_that_names_the_extra(here, explain, monkeypatch) -> None:
    _method.cache_clear()
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    ended = explain("cat.png", "--out", "out")
    assert ended.code == 2
    assert "pip install 'saccade[explain]'" in ended.err
    assert not (here / "out").exists()


def test_regions_found_from_words_are_scored(here, explain, monkeypatch) -> None:
    from saccade.explain import Grounding

    asked = []

    class Found:
        def region(self, rgb, words):
            asked.append((rgb.shape, words))
            return np.ones(rgb.shape[:2], dtype=bool)

    monkeypatch.setattr(Grounding, "load", classmethod(lambda cls, detector, segmenter: Found()))
    ended = explain("cat.png", "--ground", "--class", "2", "--categories", "names.txt", "--json", "out.json")
    assert ended.code == 0, ended.err
    ended = explain("cat.png", "--ground", "--words", "a cat")
    assert ended.code == 0, ended.err
    assert asked == [((60, 80, 3), "bird"), ((60, 80, 3), "a cat")]
    assert json.loads((here / "out.json").read_text())["means"][0]["mean"] == 1


def test_nothing_to_look_for_is_an_error(here, explain, monkeypatch) -> None:
    monkeypatch.setattr("saccade.cli.explain.verb._Search._find", lambda search: lambda rgb, words: None)
    ended = explain("cat.png", "--ground")
    assert ended.code == 2
    assert "nothing says what to look for in 'cat.png'; give --words" in ended.err
