"""Measure how much faster a sweep is with workers than with one run after the other, and the memory that it needs.

The sweep trains a network on the digits with four seeds and two learning rates, with the doctor, pages and MLflow. A
first sweep measures how many workers are the fastest; then sweeps with `sweep.workers=1` and `auto` are run in turn.
The median of the ratios of their times must be at least 1.25 for the small network, and 0.97 for another model. The
largest memory of all processes together must be at most 1.1 times that of one run for each worker.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SMALL = "cnn"
MIN_RATIO, MIN_RATIO_OTHERS = 1.25, 0.97
MAX_MEMORY = 1.1  # of the memory of one run for each worker
PAUSE_SECONDS = 0.5  # between two looks at the memory


def main() -> int:
    """Measure and print the times; returns 1 if a limit is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench sweep", description=__doc__)
    parser.add_argument("repeats", nargs="?", type=int, default=5, help="number of pairs of sweeps, 5 unless given")
    parser.add_argument("--model", default=SMALL, help=f"option of model, {SMALL} unless given")
    parser.add_argument("--workers", default="auto", help="sweep.workers of the other sweeps, auto unless given")
    parser.add_argument("--set", nargs="*", default=[], help="further overrides, such as trainer.epochs=2")
    given = parser.parse_args()
    if given.repeats < 1:
        parser.error(f"the number of pairs of sweeps is {given.repeats}, but it must be at least 1")
    words = [f"model={given.model}", "seed=0,1,2,3", "optim.learning_rate=0.003,0.01", *given.set]
    with tempfile.TemporaryDirectory() as folder:
        if given.workers == "auto":
            print("first sweep, which measures the number of workers:", flush=True)
            _sweep(folder, given.workers, words)
        ratios, memory = [], []
        for number in range(given.repeats):
            order = ("1", given.workers) if number % 2 else (given.workers, "1")
            found = {setting: _sweep(folder, setting, words) for setting in order}
            (alone, one, _), (together, all_of_them, workers) = found["1"], found[given.workers]
            ratios.append(alone / together)
            memory.append(all_of_them / (workers * one))
            print(
                f"one after the other {alone:.1f} s, {one / 2**30:.2f} GB; {workers} workers {together:.1f} s, "
                f"{all_of_them / 2**30:.2f} GB; ratio {ratios[-1]:.3f}",
                flush=True,
            )
    least = MIN_RATIO if given.model == SMALL else MIN_RATIO_OTHERS
    ratio, share = statistics.median(ratios), statistics.median(memory)
    print(f"median ratio {ratio:.3f} of {len(ratios)} pairs ({min(ratios):.3f} to {max(ratios):.3f}; limit: {least:g})")
    print(f"memory: {share:.2f} times that of one run for each of {workers} workers (limit: {MAX_MEMORY:g})")
    return int(ratio < least or share > MAX_MEMORY)


def _sweep(folder: str, setting: str, words: list[str]) -> tuple[float, int, int]:
    """The time of a sweep in seconds, the largest memory of its processes in bytes, and the number of its workers.

    Args:
        folder: the folder in which the sweep runs, with the speeds that earlier sweeps have measured.
        setting: the value of `sweep.workers`.
        words: the overrides of the sweep.
    """
    command = [sys.executable, "-m", "exprun", "-m", *words, f"sweep.workers={setting}", "sweep.rerun=always"]
    started, most = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            time.sleep(PAUSE_SECONDS)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read()
    shutil.rmtree(Path(folder, "outputs", "sweeps"), ignore_errors=True)  # the runs of a large network take gigabytes
    if process.returncode:
        sys.exit(f"the sweep failed:\n{text[-3000:]}")
    for line in re.findall(r"^sweep: .*(?:workers|run after).*$", text, re.MULTILINE):
        print(f"  {line}", flush=True)
    found = re.search(r"^sweep: (\d+) workers", text, re.MULTILINE)
    return seconds, most, int(found[1] if found else setting if setting.isdecimal() else 1)


def _memory(pid: int) -> int:
    """The memory of a process and of those that it has started in bytes, with shared pages counted once."""
    sizes = []
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            sizes.append(process.memory_full_info().pss)
    except psutil.Error:  # a process has ended
        return 0
    return sum(sizes)


if __name__ == "__main__":
    sys.exit(main())
