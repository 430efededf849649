"""saccade bench policies, on a small clip and with the engine itself."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import saccade
from saccade.cli.bench.frames import model_frames
from saccade.cli.bench.policies import parse_policies
from saccade.cli.bench.policy_contest import ClipResult, Score
from saccade.cli.bench.policy_plot import look, write_plot
from saccade.cli.bench.recompression import Recompression
from saccade.cli.models import choose_model
from saccade.cli.preprocess import Preprocessing
from saccade.video import open_source

PNG = b"\x89PNG\r\n\x1a\n"


def rows_of(call, clip, factory, tmp_path, *words) -> dict[str, dict]:
    """Runs the benchmark and returns its rows by contender."""
    ended = call("bench", "policies", clip, "--model", factory, "--json", tmp_path / "rows.json", *words)
    assert ended.code == 0, ended.err
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    return {row["contender"]: row for row in rows}


def frames_of(clip, preprocessing: Preprocessing) -> list[torch.Tensor]:
    with open_source(str(clip)) as source:
        return [frame.tensor for frame in model_frames(source, preprocessing, None)]


def test_a_row_says_what_a_policy_cost_and_got_wrong(call, clip, factory, tmp_path):
    rows = rows_of(call, clip, factory, tmp_path, "--policies", "exact,hold:3", "--peers", "eager")
    assert list(rows) == ["dense", "exact", "hold:3", "eager"]
    torch.manual_seed(0)  # as the benchmark does, so that the random weights are the same
    chosen = choose_model(factory)
    frames = frames_of(clip, chosen.preprocessing)
    dense = saccade.incremental(chosen.model, threads=1)
    right = [dense.dense(frame) for frame in frames]
    # hold:3 computes frames 0, 3, 6 and 9 of the twelve, as exact does, and repeats them.
    errors = [float((right[i - i % 3] - right[i]).norm() / right[i].norm()) for i in range(12)]
    hold = rows["hold:3"]
    assert hold["error_mean"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert hold["error_largest"] == pytest.approx(max(errors), rel=1e-5)
    assert hold["error_frames_1_to_10"] == pytest.approx(np.mean(errors[1:11]), rel=1e-5)
    assert hold["error_from_frame_100"] is None
    assert (hold["held"], hold["keyframes"], hold["family"], hold["frames"]) == (8, 0, "hold", 12)
    stream = saccade.incremental(chosen.model, policy="hold:3", threads=1)
    for frame in frames:
        stream(frame)
    report = stream.report()
    assert hold["macs_share"] == pytest.approx(report.macs_done / report.macs_dense)
    assert hold["rounds"] == rows["dense"]["rounds"] == rows["eager"]["rounds"] == 10
    assert hold["speedup_over_dense"] == pytest.approx(rows["dense"]["mean_ms"] / hold["mean_ms"])
    assert hold["speedup_over_peer"] == pytest.approx(rows["eager"]["mean_ms"] / hold["mean_ms"])
    assert hold["strongest_peer"] == "eager"
    assert {"machine", "date", "versions", "threads", "command"} <= set(hold["environment"])


def test_exact_has_no_error_and_every_frame_is_identical(call, clip, factory, tmp_path):
    exact = rows_of(call, clip, factory, tmp_path, "--policies", "exact", "--peers", "none")["exact"]
    assert exact["error_largest"] == exact["disagreement_mean"] == 0.0
    assert exact["frames_identical_to_dense"] == 12
    assert exact["metric"] == "top1"


def test_a_metric_of_ones_own_is_asked_about_every_frame(call, clip, factory, tmp_path):
    (tmp_path / "bench_metrics.py").write_text(
        "def same(reference, outputs):\n    return 0.25 if (reference == outputs).all() else 0.75\n"
    )
    words = ("--policies", "hold:2", "--peers", "none", "--metric", "bench_metrics:same")
    row = rows_of(call, clip, factory, tmp_path, *words)["hold:2"]
    assert row["metric"] == "bench_metrics:same"
    assert row["disagreement_mean"] == pytest.approx((0.25 * 6 + 0.75 * 6) / 12)


def test_the_yardstick_is_the_dense_pass_of_the_re_encoded_frame(call, clip, factory, tmp_path):
    words = ("--policies", "exact,jpeg:2,jpeg-source:2,jpeg:95", "--peers", "none", "--size", "24x32")
    rows = rows_of(call, clip, factory, tmp_path, *words)
    assert rows["jpeg:2"]["kind"] == "yardstick"
    assert rows["jpeg:2"]["macs_share"] == 1.0
    assert "mean_ms" not in rows["jpeg:2"]
    assert rows["jpeg:2"]["error_mean"] > rows["jpeg:95"]["error_mean"] > 0
    assert rows["jpeg:2"]["error_mean"] != rows["jpeg-source:2"]["error_mean"]


def test_clips_have_sections_and_a_mean_and_a_plot_is_drawn(call, clip, factory, tmp_path):
    ended = call("bench", "policies", clip, clip, "--model", factory, "--policies", "exact,hold:2,hold:3,jpeg:90",
                 "--peers", "none", "--frames", 6, "--plot", tmp_path / "plot.png")  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.out.count("clip.mp4, 6 frames") == 2
    assert "mean of 2 clips" in ended.out
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)


def test_every_point_lies_within_its_panel(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("saccade.cli.bench.policy_plot.save_figure", lambda figure, path: drawn.append(figure))
    contest = SimpleNamespace(frame=torch.zeros(1, 3, 8, 8), chosen=SimpleNamespace(name="model"))
    results = [ClipResult(f"{scale}.mp4", 3, "raw", tuple(_scores(scale)), contest, None) for scale in (0.1, 0.9)]
    write_plot(results, tmp_path / "plot.png")
    for axes in drawn[0].axes:
        points = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() != "None"])
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert (left, bottom) == (0, 0)
        assert (points[:, 0] <= right).all()
        assert (points[:, 1] <= top).all()


def test_families_have_a_look_of_their_own_and_points_upon_each_other_are_all_seen(tmp_path, monkeypatch):
    assert len({look(number) for number in range(16)}) == 16
    drawn = []
    monkeypatch.setattr("saccade.cli.bench.policy_plot.save_figure", lambda figure, path: drawn.append(figure))
    contest = SimpleNamespace(frame=torch.zeros(1, 3, 8, 8), chosen=SimpleNamespace(name="model"))
    scores = [Score(name, "policy", errors=[0.0, 0.0], macs_share=1.0) for name in ("exact", "near", "camera.json")]
    scores.append(Score("hold:2", "policy", errors=[0.1, math.inf], macs_share=0.5))
    write_plot([ClipResult("a.mp4", 2, "raw", tuple(scores), contest, None)], tmp_path / "plot.png")
    axes = drawn[0].axes[0]
    upon = [line for line in axes.lines if [list(point) for point in line.get_xydata()] == [[1.0, 0.0]]]
    marked = [line for line in upon if line.get_marker() != "None"]
    assert len(marked) == 3
    assert not any(line.get_clip_on() for line in marked)
    assert len({line.get_markersize() for line in marked}) == 3
    assert [line.get_markerfacecolor() == "none" for line in marked] == [False, True, True]
    assert "2 (1 infinite)" in {text.get_text() for text in axes.texts}


def test_a_row_with_an_infinite_error_is_plain_data_and_counts_it():
    score = Score("hold:2", "policy", errors=[0.0, 0.2, math.inf], disagreements=[0.0, 0.0, 1.0], macs_share=0.5)
    row = json.loads(json.dumps(score.to_dict(), allow_nan=False))
    assert (row["error_mean"], row["error_largest"], row["errors_infinite"]) == (0.1, 0.2, 1)
    alone = Score("hold:2", "policy", errors=[math.inf], disagreements=[1.0], macs_share=0.5)
    assert json.loads(json.dumps(alone.to_dict(), allow_nan=False))["error_mean"] is None


def test_a_clip_that_is_missing_is_told_before_any_is_run(call_refused, clip, factory, monkeypatch):
    monkeypatch.setattr("saccade.cli.bench.policy_contest.PolicyContest.run", lambda *given: pytest.fail("was run"))
    given = ("bench", "policies", clip, "missing.mp4", "--model", factory, "--peers", "none", "--policies", "exact")
    assert "no video at 'missing.mp4'" in call_refused(*given)


def _scores(scale: float) -> list[Score]:
    return [
        Score("hold:2", "policy", errors=[0.0, scale, scale], macs_share=scale),
        Score("hold:3", "policy", errors=[0.0, 0.5 * scale, scale], macs_share=0.5),
        Score("jpeg:90", "yardstick", errors=[0.1, 0.1, 0.1], macs_share=1.0),
    ]


def test_the_plot_can_be_over_time(call, clip, factory, tmp_path):
    ended = call("bench", "policies", clip, "--model", factory, "--policies", "exact,hold:2", "--peers", "none",
                 "--plot", tmp_path / "plot.png", "--plot-cost", "time")  # fmt: skip
    assert ended.code == 0, ended.err
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)


def test_how_pictures_become_frames_can_be_said(call, clip, factory, tmp_path):
    words = ("--policies", "hold:2", "--peers", "none")
    options = ("--channels", "bgr", "--mean", "127", "--std", "128", "--scale", "1")
    plain = rows_of(call, clip, factory, tmp_path, *words)["hold:2"]
    other = rows_of(call, clip, factory, tmp_path, *words, *options)["hold:2"]
    assert plain["error_mean"] != other["error_mean"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--policies", "hold:0"), "hold:0 was given"),
        (("--policies", "exact,hodl:2"), "policy 'hodl:2' is not known"),
        (("--metric", "top2"), "unknown metric 'top2'"),
        (("--metric", "broken_metrics:broken"), "raised ZeroDivisionError"),
        (("--metric", "detections"), "no decoder reads boxes"),
        (("--peers", "egaer"), "did you mean 'eager'"),
        (("--plot", "plot.pdf"), "expected a name that ends in .png"),
        (("--plot", "nowhere/plot.png"), "there is no folder 'nowhere'"),
    ],
)
def test_a_mistake_ends_with_code_2_and_one_line_and_leaves_nothing(call_refused, clip, factory, tmp_path, words, told):
    (tmp_path / "broken_metrics.py").write_text("def broken(reference, outputs):\n    return 1 / 0\n")
    given = ["bench", "policies", clip, "--model", factory, "--peers", "none", "--json", "rows.json"]
    assert told in call_refused(*given, *(() if "--plot" in words else ("--plot", "plot.png")), *words)


@pytest.mark.parametrize("text", ["jpeg:0", "jpeg:96", "jpeg:high", "jpeg", "", "jpeg:90"])
def test_a_list_without_a_policy_or_with_no_quality_is_refused(call, clip, factory, text):
    ended = call("bench", "policies", clip, "--model", factory, "--policies", text)
    assert ended.code == 2
    assert "expected" in ended.err


def test_too_few_frames_are_refused_by_the_options_name(call, clip, factory):
    ended = call("bench", "policies", clip, "--model", factory, "--policies", "exact", "--frames", "2")
    assert ended.code == 2
    assert "--frames 2 was given; expected at least 3" in " ".join(ended.err.replace("│", "").split())


def test_policies_are_parsed_in_order_and_without_repetition():
    policies, yardsticks = parse_policies("gate:2, exact,gate:2,jpeg:90,jpeg:90,")
    assert list(policies) == ["gate:2", "exact"]
    assert [yardstick.name for yardstick in yardsticks] == ["jpeg:90"]


def test_re_encoding_changes_a_noisy_picture_at_the_models_size(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "0.png")
    with open_source(str(tmp_path)) as source:
        (frame,) = model_frames(source, Preprocessing(size=(16, 16)), None)
    for name in ("jpeg:90", "jpeg-source:90"):
        again = Recompression.parse(name)(frame)
        assert again.shape == frame.tensor.shape
        assert 0.001 < float((again - frame.tensor).abs().mean()) < 0.2
    assert Recompression.parse("hold:2") is None


def test_a_score_of_many_frames_has_an_early_and_a_late_error():
    score = Score("hold:2", "policy", errors=[0.0] + [0.1] * 10 + [0.2] * 89 + [0.3] * 50)
    assert score.early_error == pytest.approx(0.1)
    assert score.late_error == pytest.approx(0.3)


def test_a_detector_is_compared_by_its_maps(call, clip, factory, tmp_path):
    words = ("--policies", "exact,hold:2", "--peers", "none", "--frames", "4")
    rows = rows_of(call, clip, "torchvision:ssdlite320_mobilenet_v3_large", tmp_path, *words)
    assert rows["exact"]["frames_identical_to_dense"] == 4
    assert rows["hold:2"]["frames_identical_to_dense"] == 2
    assert 0 < rows["hold:2"]["error_mean"] < 1
    assert rows["hold:2"]["metric"] == "detections"


def test_a_clip_with_a_broken_image_is_warned_of(call, factory, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(5):
        Image.fromarray(np.full((48, 64, 3), 40 * index, dtype=np.uint8)).save(folder / f"{index}.png")
    (folder / "2.png").write_bytes(b"broken")
    ended = call("bench", "policies", folder, "--model", factory, "--policies", "exact", "--peers", "none")
    assert ended.code == 0, ended.err
    assert "saccade: warning: 1 of the 5 images" in ended.err
