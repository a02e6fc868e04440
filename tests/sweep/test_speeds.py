"""How many workers a sweep has: on simulated machines of 2 to 64 cores, and what is remembered of them."""

import dataclasses
import json

import pytest

from exprun.sweep import speeds
from exprun.sweep.speeds import Speeds, possible, shares
from exprun.trainer import cores
from tiny import config

GIGABYTE = 2**30


@pytest.mark.parametrize(
    ("count", "runs", "free", "rate", "numbers"),
    [
        (1, 100, None, 100, []),
        (2, 100, None, 100, [2]),
        (4, 100, None, 100, [4, 2]),
        (6, 100, None, 100, [6, 3]),
        (64, 100, None, 100, [64, 32, 16, 8, 4, 2]),
        (64, 10, None, 100, [10, 8, 4, 2]),
        (64, 100, 20 * GIGABYTE, 100, [16, 8, 4, 2]),  # 0.8 · 20 GB of 1 GB each
        (8, 100, 2 * GIGABYTE, 100, []),
        (64, 100, None, 0.5, [2]),  # a step takes 2 s on all cores, so up to 5 s with half of them
        (64, 100, None, 0.1, []),
    ],
)
def test_numbers_are_tried_that_cores_runs_memory_and_time_allow(count, runs, free, rate, numbers):
    assert possible(count, runs, free, Speeds(1000, GIGABYTE, {1: rate})) == numbers


def test_workers_have_equal_shares_of_all_cores():
    assert shares([0, 1, 2, 3], 2) == [[0, 1], [2, 3]]
    assert shares([4, 5, 6, 7, 8], 2) == [[4, 5], [6, 7, 8]]
    assert shares([3], 2) == [[3], [3]]


def search(rate_of, numbers):
    """The fastest number, and those that were measured."""
    found = Speeds(1000, 0, {1: rate_of(1)})
    measured = []
    while (number := found.unknown(numbers)) is not None:
        found.rates[number] = rate_of(number)
        measured.append(number)
    return found.fastest(numbers), measured


@pytest.mark.parametrize(
    ("rate_of", "fastest", "measured"),
    [
        (lambda number: 100 + 10 * number, 64, [64, 32]),  # a small network
        (lambda number: 100 + number if number <= 16 else 50, 16, [64, 32, 16, 8]),
        (lambda number: 100, 1, [64, 32, 16, 8, 4, 2]),  # a large network, which uses all cores
        (lambda number: 100 if number == 1 else 109, 1, [64, 32, 16, 8, 4, 2]),  # not clearly faster
        (lambda number: 0 if number == 64 else 100 * number, 32, [64, 32, 16]),  # 64 workers have failed
    ],
)
def test_the_fastest_number_is_found_from_the_largest_on(rate_of, fastest, measured):
    assert search(rate_of, [64, 32, 16, 8, 4, 2]) == (fastest, measured)


def test_what_is_known_is_not_measured_again_unless_more_workers_are_possible():
    found = Speeds(1000, 0, {1: 100, 4: 200, 2: 150})
    assert found.unknown([4, 2]) is None
    assert found.unknown([2]) is None
    assert found.fastest([2]) == 2
    assert found.unknown([8, 4, 2]) == 8


def test_speeds_are_remembered_for_a_network_and_a_machine(monkeypatch):
    small, found = config("seed=1", "optim.learning_rate=0.1"), Speeds(1437, GIGABYTE, {1: 20.0, 2: 27.0})
    assert speeds.recall(small) is None
    speeds.remember(small, found)
    assert speeds.recall(config("trainer.epochs=5", "schedule=cosine")) == found
    assert speeds.recall(config("trainer.batch_size=16")) is None
    assert speeds.recall(config("norm=none")) is None
    with monkeypatch.context() as patch:
        patch.setattr(cores, "usable", lambda: 64.0)
        assert speeds.recall(small) is None
    path = speeds._file(small)
    for damaged in ("nonsense", "[]", json.dumps({key: {"rates": {}} for key in json.loads(path.read_text())})):
        path.write_text(damaged)
        assert speeds.recall(small) is None
    speeds.remember(small, found)
    assert speeds.recall(small) == found


def test_the_steps_of_a_run_follow_from_its_epochs_and_limits():
    assert speeds.steps(config("trainer.epochs=3", "trainer.batch_size=64"), 1000) == 45
    limited = config("trainer.epochs=3", "trainer.batch_size=64", "trainer.max_steps=10")
    assert speeds.steps(limited, 1000) == 10


def test_every_setting_that_does_not_count_exists():
    values = dataclasses.asdict(config())
    assert all(key in values[group] for group, keys in speeds.FREE.items() for key in keys)
    assert set(speeds.GROUPS) <= values.keys()
