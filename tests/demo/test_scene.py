"""The rendered street."""

from __future__ import annotations

import numpy as np

from saccade.demo.scene import Scene


def test_the_same_seed_gives_the_same_street_in_any_order():
    first, second = Scene(3, frames=20), Scene(3, frames=20)
    forwards = [first.render(frame)[0] for frame in range(0, 20, 5)]
    backwards = [second.render(frame)[0] for frame in range(15, -1, -5)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not np.array_equal(forwards[0], Scene(4, frames=20).render(0)[0])


def test_only_what_moves_changes():
    scene = Scene(200_019, frames=30, crowd=0.6)
    (before, _), (after, labels) = scene.render(10), scene.render(11)
    changed = (before != after).any(axis=2)
    assert 0 < changed.mean() < 0.08
    near = np.zeros(changed.shape, dtype=bool)
    for label in labels:
        left, top = max(0, int(label.left) - 24), max(0, int(label.top) - 8)
        near[top : int(label.bottom) + 16, left : int(label.right) + 24] = True
    assert (changed & near).sum() > 0.95 * changed.sum()


def test_noise_changes_everything_and_is_repeatable():
    scene = Scene(3, frames=4, noise=4.0)
    assert (scene.render(0)[0] != scene.render(1)[0]).any(axis=2).mean() > 0.9
    assert np.array_equal(scene.render(1)[0], scene.render(1)[0])


def test_labels_lie_in_the_picture():
    for rgb, labels in Scene(5, frames=30, crowd=2.0):
        assert rgb.shape == (384, 640, 3)
        assert rgb.dtype == np.uint8
        for label in labels:
            assert 0 <= label.left < label.right <= 640
            assert 0 <= label.top < label.bottom <= 384
