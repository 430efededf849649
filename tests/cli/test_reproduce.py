"""saccade reproduce, from what is typed to what is on disk."""

from __future__ import annotations

from saccade.experiments import experiments


def test_reproduce_list_shows_every_part_of_every_experiment_with_its_cost(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    ended = call("reproduce", "list")
    assert ended.code == 0
    for name in experiments:
        experiment = experiments.get(name)
        assert f"saccade reproduce {name}" in ended.out
        assert experiment.cost in ended.out
        assert all(part.label in ended.out and part.shows in ended.out for part in experiment.parts)
