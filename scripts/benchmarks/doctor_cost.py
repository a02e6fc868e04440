"""Measure how much time the doctor adds to a run, and how long a check takes.

VGG-16 with batch norm trains on the digits, with and without the doctor in turn. The median of the ratios of their
times for training and evaluation must be at most 1.03. A check of the same network must take at most 10 s after
TensorFlow is imported.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from arguments import repeats

MAX_RATIO, MAX_CHECK_SECONDS = 1.03, 10.0
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
    median = statistics.median(ratios)
    print(f"median ratio {median:.3f} of {pairs} pairs ({min(ratios):.3f} to {max(ratios):.3f}); limit: {MAX_RATIO}")
    return int(median > MAX_RATIO or check_seconds > MAX_CHECK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
