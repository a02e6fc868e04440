"""Epochs of a script that passes batches one by one."""

import numpy as np

from exprun.diagnose.repeats import Repeats


def begins(orders):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    repeats = Repeats()
    return [repeats.begins(rows[order[at : at + 20]]) for order in orders for at in range(0, 60, 20)]


def test_an_epoch_begins_when_all_rows_were_seen_in_whatever_order():
    orders = [np.random.default_rng(seed).permutation(60) for seed in range(3)]
    assert begins(orders) == [False] * 3 + [True, False, False] * 2


def test_new_rows_are_no_epoch():
    repeats = Repeats()
    assert not any(repeats.begins(np.random.default_rng(seed).normal(size=(4, 2))) for seed in range(9))


def test_inputs_without_rows_are_no_epoch():
    repeats = Repeats()
    assert [repeats.begins(np.float32(1)) for _ in range(2)] == [False, False]
