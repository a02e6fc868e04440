"""Curves of range tests as they usually look, made of numbers."""

import numpy as np

from exprun.range_test.measure import RangeTest
from exprun.range_test.report import Report
from exprun.range_test.suggestion import Chance, Curve
from tiny import config

CHANCE = Chance(2.303, 0.1, 16)


def curve(seed=0, begins=1e-3, best=1e-1, start=2.5, lowest=0.3, noise=0.05, steps=120, accuracy=0.1):
    """A loss that falls over the logarithm of the learning rate from `begins` to `best`, and rises again above it."""
    rates = np.geomspace(1e-5, 10, steps)
    done = np.clip(np.log(rates / begins) / np.log(best / begins), 0, 1)
    grown = np.clip(np.log10(rates / best), 0, None) ** 2
    losses = start - (start - lowest) * done + grown + noise * np.random.default_rng(seed).normal(size=steps)
    return Curve(seed, rates, losses, 0.1 + (accuracy - 0.1) * done, "")


def report(*curves, overrides="", words=(), minutes=0, trials=()):
    """The report of these curves."""
    settings = config(*words)
    test = RangeTest(settings.optim.learning_rate, CHANCE, list(curves), list(trials), 12.0, minutes)
    return Report(settings, test, overrides)
