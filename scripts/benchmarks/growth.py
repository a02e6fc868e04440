"""Measure how the time and the memory of commands grow with the runs of a sweep, with classes, images and layers.

The runs are copies of one run under other seeds, with other metrics; the images are noise of 8×8 pixels. Each command
is a process of its own. The table holds its processor time, all threads added up, and its peak memory. "Growth" is the
exponent between the two largest sizes of what a command takes beyond the smallest size: 1 is linear, 2 quadratic; a
dash stands for less than a second. The exit code is 1 if a growth is above 1.2.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from exprun.config.compose import Composer
from exprun.run_folder import RunFolder

MAX_GROWTH = 1.2
SIGNIFICANT = 1.0  # seconds beyond the smallest size from which on a growth is judged
SMALL = ["model.layers=[{conv: 4},{global_pool: avg}]", "trainer.epochs=1", "progress=quiet", "tracking=none"]
ARMS = ["none", "batch"]
Commands = Iterator[tuple[str, list[str]]]


def measure(words: list[str], folder: Path) -> tuple[float, float]:
    """The processor time in seconds and the peak memory in MB of one command.

    Args:
        words: the words of the command.
        folder: the current folder of the command.
    """
    log = folder / "growth.log"
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen([sys.executable, "-m", "exprun", *words], cwd=folder, stdout=file, stderr=file)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: the doctor finds something in noise
        sys.exit(f"{' '.join(words)} ended with {process.returncode}: {log.read_text(encoding='utf-8')[-2000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def runs(count: int, folder: Path) -> Commands:
    """A sweep of complete runs: repeated, listed, compared and shown."""
    settings = ["data.limit=100", "doctor=none", *SMALL]
    sweep, seeds = folder / "sweep", range(count // len(ARMS))
    varied = [f"norm={','.join(ARMS)}", f"seed=range(0,{len(seeds)})"]
    first = RunFolder(folder / "first")
    measure([*settings, "norm=none", f"run_dir={first.path}"], folder)
    result, noise = json.loads(first.result.read_text(encoding="utf-8")), np.random.default_rng(0)
    jobs = [[f"norm={arm}", f"seed={seed}"] for arm in ARMS for seed in seeds]
    configs = Composer().jobs(settings, [[*settings, *job, f"run_dir={sweep / str(n)}"] for n, job in enumerate(jobs)])
    for number, config in enumerate(configs):
        run = RunFolder(sweep / str(number))
        shutil.copytree(first.path, run.path, ignore=shutil.ignore_patterns("checkpoints", "pictures", "page.html"))
        run.write_config(config)
        metrics = {name: value + noise.normal(0, 0.01) for name, value in result["metrics"].items()}
        run.result.write_text(json.dumps(result | {"metrics": metrics}), encoding="utf-8")
    yield "the sweep again", ["-m", *settings, *varied, f"hydra.sweep.dir={sweep}"]
    yield "`runs`", ["runs", "--most", str(count)]
    yield "`compare`", ["compare", str(sweep)]


def classes(count: int, folder: Path) -> Commands:
    """Images of some classes, four of each: looked at, checked and trained."""
    labels = np.tile(np.arange(count), 4)
    _write(folder, labels)
    yield from _data_commands(folder)


def images(count: int, folder: Path) -> Commands:
    """Images of ten classes: looked at, checked and trained."""
    _write(folder, np.arange(count) % 10)
    yield from _data_commands(folder)


def _write(folder: Path, labels: np.ndarray) -> None:
    """Noise as images, in files that can be mapped into memory."""
    root = folder / "images"
    root.mkdir()
    noise = np.random.default_rng(0)
    np.save(root / "x_train.npy", noise.integers(0, 256, (len(labels), 8, 8, 1), np.uint8))
    np.save(root / "y_train.npy", labels)


def _data_commands(folder: Path) -> Commands:
    data = ["data=arrays", f"data.root={folder / 'images'}", "trainer.batch_size=128", *SMALL]
    yield "`show`", ["show", *data]
    yield "`check`", ["check", *data]
    yield "a run of 10 steps", [*data, "trainer.max_steps=10"]


def layers(count: int, folder: Path) -> Commands:
    """Networks of some convolutions with batch norm: checked and trained."""
    network = f"model.layers=[{{conv: 4, repeat: {count}}},{{global_pool: avg}}]"
    words = [network, *SMALL[1:], "data.limit=200", "data.size=8"]
    yield "`check`", ["check", *words]
    yield "a run of 10 steps", [*words, "trainer.max_steps=10"]


SIZES: dict[str, tuple[Callable[[int, Path], Commands], tuple[int, ...]]] = {
    "runs": (runs, (2, 10, 100, 1_000)),
    "classes": (classes, (10, 100, 1_000, 10_000)),
    "images": (images, (1_000, 10_000, 100_000, 1_000_000)),
    "layers": (layers, (1, 10, 50, 200)),
}


def growth(sizes: list[int], seconds: list[float]) -> float:
    """The exponent of what is taken beyond the smallest size, between the two largest sizes; NaN if it is small."""
    last, before = seconds[-1] - seconds[0], seconds[-2] - seconds[0]
    if last < SIGNIFICANT:
        return math.nan
    return math.log(last / max(before, 0.1)) / math.log(sizes[-1] / sizes[-2])


def main() -> int:
    """Print a table for each kind; returns 1 if something grows faster than allowed."""
    parser = argparse.ArgumentParser(prog="scripts/bench growth", description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"what grows: {', '.join(SIZES)} (default: all)")
    parser.add_argument("--most", type=int, default=10**6, help="leave out larger sizes")
    args = parser.parse_args()
    if unknown := sorted(set(args.kinds) - set(SIZES)):
        parser.error(f"{', '.join(unknown)} is not known; there are {', '.join(SIZES)}")
    steep = []
    for kind in args.kinds or SIZES:
        prepare, all_sizes = SIZES[kind]
        sizes = [size for size in all_sizes if size <= args.most]
        found: dict[str, list[tuple[float, float]]] = {}
        for size in sizes:
            with tempfile.TemporaryDirectory() as place:
                for name, words in prepare(size, Path(place)):
                    found.setdefault(name, []).append(measure(words, Path(place)))
                    print(f"# {size:,} {kind}, {name}: {found[name][-1][0]:.1f} s", file=sys.stderr, flush=True)
        print(f"\n| {kind} | {' | '.join(f'{size:,}' for size in sizes)} | Growth |")
        print(f"| --- |{' ---: |' * (len(sizes) + 1)}")
        for name, measured in found.items():
            exponent = growth(sizes, [seconds for seconds, _ in measured])
            steep += [f"{name} with {kind}"] if exponent > MAX_GROWTH else []
            cells = [f"{seconds:.1f} s, {memory:,.0f} MB" for seconds, memory in measured]
            print(
                f"| {name} | {' | '.join(cells)} | {'–' if math.isnan(exponent) else f'{exponent:.1f}'} |", flush=True
            )
    if steep:
        print(f"\nworse than linear: {', '.join(steep)}")
    return int(bool(steep))


if __name__ == "__main__":
    sys.exit(main())
