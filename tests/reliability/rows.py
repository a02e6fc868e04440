"""All rows of the table: what each tries, how often in full and how often in the test suite."""

import subprocess
import sys
import xml.etree.ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from reliability import concurrent_runs, disk, kills, long_runs, memory, server, signals, store
from reliability.common import Row

ROOT = Path(__file__).parents[2]


class Entry(NamedTuple):
    """One row.

    Args:
        run: makes the row in an empty folder, with a number of tries.
        times: number of tries of `scripts/reliability`.
        can: whether this machine and user allow it.
    """

    run: Callable[[Path, int], Row]
    times: int
    can: Callable[[], bool] = lambda: True


def _tests(fault: str, chosen: tuple[tuple[str, str], ...], marked: str, folder: Path, times: int) -> Row:
    """A row of tests of the suite, each of which is one try.

    Args:
        fault: what the tests try.
        chosen: files of tests, each with an expression of pytest that picks some.
        marked: the mark of the tests.
        folder: the folder for the reports of pytest.
        times: tries that each test stands for.
    """
    row = Row(fault)
    for number, (file, picked) in enumerate(chosen):
        report = folder / f"{number}.xml"
        command = [sys.executable, "-m", "pytest", "-m", marked, f"tests/{file}", "-k", picked, f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
        found = list(xml.etree.ElementTree.parse(report).iter("testcase"))
        row.tried += sum(case.find("skipped") is None for case in found) * times
        row.lost += [
            f"{case.get('classname')}.{case.get('name')}"
            for case in found
            if case.find("failure") is not None or case.find("error") is not None
        ]
    return row


DAMAGE = (
    ("data/test_dataset.py", "damaged or killed_build or left_goes"),
    (
        "data/test_sources.py",
        "truncated or damaged or wrong_bytes or checksum or no_idx or something_else or no_arrays",
    ),
    ("test_runner.py", "damaged or another_version or same_config_goes_on or another_shape"),
    ("model/test_weights.py", "damaged or refused or pickled"),
)
NUMBERS = (
    ("test_runner.py", "finite or nan_ or blamed or half_precision or loss_scaling"),
    ("data/test_sources.py", "labels_beyond or wrong_arrays or labels_in_the_place"),
)
HOSTILE = (
    ("data/test_sources.py", "pickle or postscript or odd_names or cannot_be_read or archive"),
    ("model/test_weights.py", "pickled or archive"),
    ("compare/test_compare.py", "hostile or obey"),
    ("test_export.py", "consent or executed"),
    ("sweep/test_folder.py", "password"),
    ("tracking/test_mlflow.py", "password"),
)

ROWS = {
    "killed": Entry(kills.killed, 50),
    "warned": Entry(signals.warned, 24),
    "twice": Entry(signals.twice, 5),
    "full": Entry(disk.full, 10, disk.can_mount),
    "server": Entry(server.sick, 10),
    "cost": Entry(server.cost, 7),
    "store": Entry(store.broken, 12, disk.can_mount),
    "damage": Entry(partial(_tests, "damaged or foreign checkpoints, caches and files", DAMAGE, "not slow"), 1),
    "numbers": Entry(partial(_tests, "NaN, Inf, labels out of range, overflow", NUMBERS, "not slow"), 1),
    "memory": Entry(memory.streams, 1, memory.can_limit),
    "batch": Entry(memory.too_large, 4, memory.can_limit),
    "words": Entry(partial(_tests, "random command lines", (("test_cli_fuzz.py", "thousand_command"),), "slow"), 2000),
    "files": Entry(partial(_tests, "random option files", (("test_cli_fuzz.py", "thousand_option"),), "slow"), 1000),
    "hostile": Entry(partial(_tests, "hostile files, names and settings", HOSTILE, "not slow"), 1),
    "folder": Entry(concurrent_runs.same_folder, 2),
    "cache": Entry(concurrent_runs.same_cache_and_store, 2),
    "sweep": Entry(concurrent_runs.same_sweep, 2),
    "steps": Entry(long_runs.steps, long_runs.STEPS),
    "runs": Entry(long_runs.sweep, long_runs.RUNS),
}
