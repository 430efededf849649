"""Regions from words, by tiny networks of the real kinds with random weights: shapes and paths, not what is found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from saccade.errors import ExplanationError, MissingPackageError, WeightsError
from saccade.explain import Grounding, GroundingRule

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed; run: pip install 'saccade[ground]'"
)

PICTURE = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "cat", "dog"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Returns folders of a saved detector and a saved segmenter."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("networks")
    _save_detector(folder / "detector")
    _save_segmenter(folder / "segmenter")
    return str(folder / "detector"), str(folder / "segmenter")


def _save_detector(folder: Path) -> None:
    backbone = transformers.SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = {"model_type": "bert", "vocab_size": len(VOCABULARY), "hidden_size": 16, "num_hidden_layers": 1}
    config = transformers.GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text | {"num_attention_heads": 2, "intermediate_size": 16},
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=5,
        max_text_len=32,
    )
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    tokenizer = transformers.BertTokenizer(vocab={word: index for index, word in enumerate(VOCABULARY)})
    images = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    transformers.GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)


def _save_segmenter(folder: Path) -> None:
    image, narrow = {"image_size": 64, "patch_size": 16}, {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2}
    config = transformers.SamConfig(
        vision_config=image
        | narrow
        | {
            "output_channels": 16,
            "num_hidden_layers": 1,
            "global_attn_indexes": [0],
            "window_size": 2,
            "num_pos_feats": 8,
        },
        prompt_encoder_config=image | {"hidden_size": 16, "mask_input_channels": 4},
        mask_decoder_config=narrow | {"num_hidden_layers": 1, "iou_head_hidden_dim": 16, "iou_head_depth": 2},
    )
    transformers.SamModel(config).save_pretrained(folder)
    square = {"height": 64, "width": 64}
    images = transformers.SamImageProcessor(
        size={"longest_edge": 64},
        mask_size={"longest_edge": 16},
        pad_size=square,
        mask_pad_size={"height": 16, "width": 16},
    )
    transformers.SamProcessor(images).save_pretrained(folder)


def test_boxes_lie_within_the_picture(folders) -> None:
    boxes = Grounding.load(*folders, GroundingRule(box_threshold=0)).boxes(PICTURE, "cat. dog")
    assert boxes.shape[1] == 4
    assert len(boxes) > 0
    assert (boxes >= 0).all()
    assert (boxes <= [70, 50, 70, 50]).all()


def test_a_region_lies_within_the_boxes_unless_that_is_switched_off(folders) -> None:
    inside = Grounding.load(*folders, GroundingRule(box_threshold=0))
    beyond = Grounding.load(*folders, GroundingRule(box_threshold=0, within_boxes=False))
    boxes = np.array([[10, 5, 30, 25], [20, 15, 60, 40]], dtype=np.float32)
    for grounding in (inside, beyond):
        grounding.boxes = lambda rgb, words: boxes
    cut, whole = inside.region(PICTURE, "cat"), beyond.region(PICTURE, "cat")
    allowed = np.zeros((50, 70), dtype=bool)
    allowed[5:25, 10:30] = True
    allowed[15:40, 20:60] = True
    assert cut.shape == whole.shape == (50, 70)
    assert cut.any()
    assert not (cut & ~allowed).any()
    assert (whole & ~allowed).any()


def test_nothing_found_is_an_empty_region(folders) -> None:
    region = Grounding.load(*folders, GroundingRule(box_threshold=1)).region(PICTURE, "cat")
    assert region.shape == (50, 70)
    assert not region.any()


@pytest.mark.parametrize(
    ("words", "prompt"), [("Cat", "cat."), (" a cat . DOG.", "a cat. dog."), ("cat. . dog", "cat. dog.")]
)
def test_words_are_written_as_the_detector_was_trained(folders, words, prompt) -> None:
    grounding, seen = Grounding.load(*folders), []
    processor = grounding.detector_processor

    class Watched:
        def __call__(self, **keywords):
            seen.append(keywords["text"])
            return processor(**keywords)

        def __getattr__(self, name):
            return getattr(processor, name)

    grounding.detector_processor = Watched()
    grounding.boxes(PICTURE, words)
    assert seen == [prompt]


def test_no_words_are_an_error(folders) -> None:
    with pytest.raises(ExplanationError, match="there are no words to look for"):
        Grounding.load(*folders).boxes(PICTURE, " . ")


def test_weights_that_cannot_be_had_are_an_error_that_says_what_to_do(folders, tmp_path) -> None:
    with pytest.raises(WeightsError, match=r"GroundingDinoForObjectDetection cannot be loaded from .*save it again"):
        Grounding.load(str(tmp_path), folders[1])


def test_a_threshold_that_is_no_score_is_an_error() -> None:
    with pytest.raises(ExplanationError, match=r"box_threshold is 1.5; expected a score from 0 to 1"):
        GroundingRule(box_threshold=1.5)


def test_a_missing_package_is_an_error_that_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'saccade\[ground\]'"):
        Grounding.load()
