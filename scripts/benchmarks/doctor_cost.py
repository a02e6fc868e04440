"""Measure how much time the doctor adds to a run, and how long a check takes.

VGG-16 with batch norm trains on the digits, with and without the doctor in turn. The median of the ratios of their
times for training and evaluation must be at most 1.03. A check of the same network must take at most 10 s after
TensorFlow is imported. A small network, with Keras' `fit` on a table, in batches of 32 rows and of one row, trains with
and without the doctor's callback in turn; the median of these ratios must be at most 1.10.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from arguments import repeats

MAX_RATIO, MAX_CHECK_SECONDS = 1.03, 10.0
MAX_SMALL_RATIO = 1.10
BATCHES, STEPS = (32, 1), 8000  # rows in a step, and steps, of a small network
RUN = ["model=vgg16", "trainer.epochs=4", "trainer.checkpoint=false", "tracking=none", "progress=quiet"]


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
    with tempfile.TemporaryDirectory() as folder:

        def run_seconds(doctor: str, number: int) -> float:
            run_dir = Path(folder) / f"{doctor}-{number}"
            return run([*RUN, f"doctor={doctor}", f"run_dir={run_dir}"], session).metrics["time/seconds"]

        run_seconds("none", 0)  # the first run compiles the step
        ratios = []
        for number in range(1, pairs + 1):
            order = ("watch", "none") if number % 2 else ("none", "watch")
            seconds = {doctor: run_seconds(doctor, number) for doctor in order}
            ratios.append(seconds["watch"] / seconds["none"])
            shown = ", ".join(f"doctor={doctor} {value:.1f} s" for doctor, value in seconds.items())
            print(f"{shown}, ratio {ratios[-1]:.3f}", flush=True)
    is_slow = _median("VGG-16", ratios) > MAX_RATIO or check_seconds > MAX_CHECK_SECONDS
    for batch in BATCHES:
        small = [_small_ratio(batch, number % 2 == 1) for number in range(pairs)]
        is_slow = _median(f"a small network, {batch} in a batch", small) > MAX_SMALL_RATIO or is_slow
    return int(is_slow)


def _median(name: str, ratios: list[float]) -> float:
    """The median of ratios, which is printed."""
    median = statistics.median(ratios)
    print(
        f"{name}: median ratio {median:.3f} of {len(ratios)} pairs ({min(ratios):.3f} to {max(ratios):.3f})", flush=True
    )
    return median


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
