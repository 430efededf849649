"""Frames of every kind, copies, pickles and threads."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
import torch
from small_models import Maps, Normalised, TwoInputs, blob, check_on, close, frame

import saccade


def test_a_stream_agrees_with_the_model_for_batches_above_one(model) -> None:
    first = frame(3, 3, 24, 32)
    only_second_image = first.clone()
    only_second_image[1] = blob(first[1])
    stream = saccade.incremental(model)
    check_on(stream, model, first, only_second_image, first)
    active = stream.change_maps()["frame"]
    assert active.shape == (3, 24, 32)
    assert active.any((1, 2)).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_a_large_frame_of_scattered_changes_is_computed_whole_and_to_the_same_bits(dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    model = Normalised().eval()
    stream = saccade.incremental(model)
    first = torch.randint(0, 256, (1, 3, 72, 80), generator=generator, dtype=torch.uint8)
    scattered, solid = first.clone(), first.clone()
    noisy = torch.rand(72, 80, generator=generator) < 0.6
    scattered[..., noisy] += 1
    solid[..., :40, :] += 1
    for frame_ in (first, scattered, first, solid):
        assert torch.equal(stream(frame_.to(dtype)), stream.dense(frame_.to(dtype)))
        changed = stream.change_maps()["frame"]
        if frame_ is solid:
            assert changed[:, :40].all()
            assert not changed[:, 40:].any()
        else:
            assert changed.all()


def test_a_stream_plans_anew_when_size_batch_or_type_change(model) -> None:
    stream = saccade.incremental(model)
    shapes = [(1, 3, 24, 32), (1, 3, 17, 9), (2, 3, 17, 9), (1, 3, 24, 32)]
    for seed, shape in enumerate(shapes):
        check_on(stream, model, frame(*shape, seed=seed), blob(frame(*shape, seed=seed), 2, 3))
    wide = frame().double()
    with torch.no_grad():
        expected = model(wide.float())
    assert close(stream(wide), expected)
    assert close(stream(wide.float()), expected)


def test_a_stream_takes_uint8_frames_where_the_model_normalises_them() -> None:
    model = Normalised().eval()
    first = torch.randint(0, 256, (1, 3, 24, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    second = first.clone()
    second[:, :, 3:6, 4:9] = 255 - second[:, :, 3:6, 4:9]
    stream = saccade.incremental(model)
    check_on(stream, model, first, second, second, first)
    assert int(stream.change_maps()["frame"].sum()) == 15
    check_on(stream, model, first.float(), second.float())


@pytest.mark.parametrize(
    "view",
    [
        lambda tensor: tensor.to(memory_format=torch.channels_last),
        lambda tensor: tensor.transpose(2, 3).contiguous().transpose(2, 3),
        lambda tensor: torch.cat((tensor, tensor), 3)[..., : tensor.shape[3]],
        lambda tensor: tensor.flip(3).flip(3).requires_grad_(),
    ],
    ids=["channels_last", "transposed", "sliced", "with gradients"],
)
def test_a_stream_takes_frames_however_they_lie_in_memory(model, view) -> None:
    first = frame()
    stream = saccade.incremental(model)
    check_on(stream, model, first, view(blob(first)).detach(), first)
    given = stream(view(first))
    assert not given.requires_grad
    assert torch.equal(given, stream.dense(first))


def test_several_inputs_and_nested_outputs_keep_their_structure() -> None:
    model = TwoInputs().eval()
    stream = saccade.incremental(model)
    left, right = frame(), frame(seed=1)
    for pair in ((left, right), (blob(left), right), (blob(left), blob(right)), (left, blob(right))):
        with torch.no_grad():
            expected = model(*pair, scale=2.0)
        output = stream(*pair, scale=2.0)
        assert output["nothing"] is None
        assert isinstance(output["parts"], tuple)
        assert close(output["sum"], expected["sum"])
        assert close(output["parts"][1][0], expected["parts"][1][0])
        dense = stream.dense(*pair, scale=2.0)
        assert torch.equal(output["sum"], dense["sum"])
        assert torch.equal(output["parts"][1][0], dense["parts"][1][0])
    by_name = stream(right=right, left=left, scale=2.0)
    with torch.no_grad():
        assert close(by_name["sum"], model(left, right, scale=2.0)["sum"])
        assert close(stream(left, right, scale=-1.0)["sum"], model(left, right, scale=-1.0)["sum"])


def test_the_original_model_is_never_changed(model) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stream = saccade.incremental(model)
    stream(frame())
    stream(blob(frame()))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not model.training


def test_a_copy_in_mid_sequence_goes_on_independently(model) -> None:
    first = frame()
    stream = saccade.incremental(model)
    stream(first)
    twin = copy.deepcopy(stream)
    assert twin.report().frames == 1
    assert twin.report().macs_done == stream.report().macs_done
    check_on(stream, model, blob(first, 1, 1), blob(first, 9, 9))
    check_on(twin, model, blob(first, 3, 3), first)
    assert twin.report().frames == stream.report().frames == 3
    assert twin.report().macs_done < 3 * twin.report().macs_dense // 3


def test_a_pickled_program_computes_the_same(model) -> None:
    program = saccade.compile(model, frame())
    twin = pickle.loads(pickle.dumps(program))
    assert torch.equal(program.session()(frame()), twin.session()(frame()))
    assert twin.threads == program.threads
    assert twin.policy == program.policy


def test_sessions_of_one_program_run_in_threads(model) -> None:
    program = saccade.compile(model, frame(), threads=1)
    expected = [program.session().dense(blob(frame(), step % 9, step % 11)) for step in range(40)]
    wrong: list[int] = []

    def watch(stride: int) -> None:
        session = program.session()
        for step in range(0, 40, stride):
            if not torch.equal(session(blob(frame(), step % 9, step % 11)), expected[step]):
                wrong.append(step)

    workers = [threading.Thread(target=watch, args=(stride,)) for stride in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_outputs_are_not_changed_by_later_frames() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model)
    outputs = [stream(frame(seed=seed)) for seed in range(3)]
    kept = [output.clone() for output in outputs]
    outputs[1].zero_()
    last = stream(frame(seed=2))
    assert torch.equal(outputs[0], kept[0])
    assert torch.equal(last, kept[2])
    assert torch.equal(stream(frame(seed=2)), kept[2])


def test_frames_are_neither_changed_nor_kept() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model)
    given = frame()
    original = given.clone()
    first = stream(given)
    assert torch.equal(given, original)
    given[:, :, 4, 4] += 1
    changed = stream(given)
    assert not torch.equal(first, changed)
    assert torch.equal(changed, stream.dense(given))


def test_a_nan_goes_away_with_the_place_that_held_it(model) -> None:
    stream = saccade.incremental(model)
    broken = frame()
    broken[0, 1, 6, 6] = float("nan")
    clean = stream(frame())
    assert stream(broken).isnan().all()
    assert stream(broken).isnan().all()
    assert torch.equal(stream(frame()), clean)
