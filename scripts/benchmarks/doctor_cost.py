"""Measure how much time the doctor and the page add to a run, and how long a check takes.

VGG-16 with batch norm, ResNet-20 and a small CNN train on the digits, with and without the doctor in turn. The median
of the ratios of their times for training and evaluation must be at most 1.03 for VGG-16 and 1.10 for the others. Then
whole runs are timed with and without pictures in turn; the page must add at most 3 s or 2 %. A check of VGG-16 must
take at most 10 s after TensorFlow is imported. A small network, with Keras' `fit` on a table, in batches of 32 rows and
of one row, trains with and without the doctor's callback in turn; the median of these ratios must be at most 1.10.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from arguments import repeats

MAX_CHECK_SECONDS = 10.0
MAX_SMALL_RATIO = 1.10
MAX_PAGE_SECONDS, MAX_PAGE_SHARE = 3.0, 0.02
# The epochs and the largest ratio of each network.
NETWORKS = {"vgg16": (3, 1.03), "resnet20": (8, MAX_SMALL_RATIO), "cnn": (20, MAX_SMALL_RATIO)}
BATCHES, STEPS = (32, 1), 8000  # rows in a step, and steps, of a small network
RUN = ["trainer.checkpoint=false", "tracking=none", "progress=quiet"]


def main() -> int:
    """Measure and print the times; returns 1 if a limit is missed."""
    pairs = repeats("doctor_cost", __doc__, "pairs of runs")
    import tensorflow  # noqa: F401  # imported first, as the time of this import is not counted

    from exprun import Session, run
    from exprun.check import examine
    from exprun.config.compose import Composer

    started = time.perf_counter()
    session = Session()
    findings = examine(Composer().config(["model=vgg16"]), session)
    check_seconds = time.perf_counter() - started
    print(f"check: {check_seconds:.1f} s after TensorFlow's import (limit: {MAX_CHECK_SECONDS:g} s);", end=" ")
    print(f"{len(findings)} findings", flush=True)
    is_slow = check_seconds > MAX_CHECK_SECONDS
    for name, (epochs, limit) in NETWORKS.items():

        def trained(word: str, name: str = name, epochs: int = epochs) -> tuple[float, float]:
            """The seconds of training and evaluation of a run, and those of the whole run."""
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                words = [f"model={name}", f"trainer.epochs={epochs}", *RUN, word, f"run_dir={Path(folder) / 'run'}"]
                seconds = run(words, session).metrics["time/seconds"]
                return seconds, time.perf_counter() - began

        trained("doctor=none")  # the first run compiles the step
        with_doctor = _pairs(lambda word: trained(word)[0], "doctor=watch", "doctor=none", pairs)
        is_slow = _median(name, [one / other for one, other in with_doctor], limit) or is_slow
        with_page = _pairs(lambda word: trained(word)[1], "pictures=true", "pictures=false", pairs)
        added, share = (
            statistics.median(found) for found in zip(*((a - b, a / b - 1) for a, b in with_page), strict=True)
        )
        print(f"{name}: the page adds {added:.1f} s, {share:.1%} (limit: 3 s or 2 %)", flush=True)
        is_slow = is_slow or (added > MAX_PAGE_SECONDS and share > MAX_PAGE_SHARE)
    for batch in BATCHES:
        small = [_small_ratio(batch, number % 2 == 1) for number in range(pairs)]
        is_slow = _median(f"a small network, {batch} in a batch", small, MAX_SMALL_RATIO) or is_slow
    return int(is_slow)


def _pairs(seconds: Callable[[str], float], one: str, other: str, count: int) -> list[tuple[float, float]]:
    """The seconds of two settings, measured in turn, which are printed.

    Args:
        seconds: measures a setting.
        one: the first setting.
        other: the second setting.
        count: the number of pairs.
    """
    found = []
    for number in range(count):
        order = (one, other) if number % 2 else (other, one)
        measured = {setting: seconds(setting) for setting in order}
        found.append((measured[one], measured[other]))
        print(f"{one} {measured[one]:.1f} s, {other} {measured[other]:.1f} s", flush=True)
    return found


def _median(name: str, ratios: list[float], limit: float) -> bool:
    """Print the median of ratios; returns whether it is above a limit."""
    median = statistics.median(ratios)
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"{name}: median ratio {median:.3f} of {len(ratios)} pairs ({spread}; limit: {limit:g})", flush=True)
    return median > limit


def _small_ratio(batch: int, plain_first: bool) -> float:
    """The time of a fit with the doctor's callback, divided by that of a fit without it."""
    order = (False, True) if plain_first else (True, False)
    seconds = {watched: _fit_seconds(batch, watched) for watched in order}
    return seconds[True] / seconds[False]


def _fit_seconds(batch: int, watched: bool) -> float:
    """The time of a fit of a small network, whose step is traced before."""
    import keras

    from exprun.doctor import Doctor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 8)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("float32")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x[:batch], y[:batch], batch, verbose=0)
    callbacks = [Doctor(report=lambda text: None)] if watched else []
    started = time.perf_counter()
    model.fit(x, y, batch, max(1, STEPS * batch // len(x)), verbose=0, callbacks=callbacks)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
