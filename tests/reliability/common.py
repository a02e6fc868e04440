"""Shared by all rows: a small run as a process of its own, and the checks of what it leaves."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import forked
from exprun.run_folder import RunFolder

IMAGES = 320
HANGS = 3600.0  # seconds after which a command is taken to hang: not its speed is tried, but what becomes of it
AT_THE_END = ("val/best_", "test/recall/", "test/precision/")  # metrics that are in MLflow, but not in the journal
POINTS = """select key, step, value, timestamp from metrics join runs using (run_uuid)
    where is_nan = 0 and lifecycle_stage = 'active'"""
# Small enough to be tried a hundred times, large enough that a checkpoint takes a moment to write.
WORDS = [
    "model=cnn", "model.layers=[{conv: 8}, {pool: max}, flatten, {dense: 256, dropout: 0.3}]", "data=image_folder",
    "augment=flip_crop", "trainer.epochs=6", "trainer.batch_size=32", "trainer.precision=float32",
    "trainer.log_every=1", "trainer.deterministic=true", "tracking.model=none", "doctor=none", "progress=plain",
]  # fmt: skip


@dataclass
class Row:
    """One row of the table.

    Args:
        fault: what happens.
        tried: how often.
        lost: a sentence for each time in which something was lost.
        note: what else was measured.
    """

    fault: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Count a try; an exception in it counts as a loss."""
        self.tried += 1
        _started.clear()
        try:
            yield
        except Exception as error:  # of a damaged file, a server, a process: whatever it is, it counts
            for process in _started:  # it would only slow the next
                kill(process)
                process.wait()
            self.lost.append(f"{name}: {type(error).__name__}: {str(error)[:2000]}")


def write_images(folder: Path) -> Path:
    """Write a folder of images of four classes, bars and squares with noise, and return its path."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        kind = number % 4
        image = rng.integers(0, 90, (24, 24, 3), np.uint8)
        at = int(rng.integers(4, 14))
        rows, columns = slice(at, at + (3, 8, 8, 5)[kind]), slice(at, at + (8, 3, 8, 5)[kind])
        image[rows, columns] = 230
        place = folder / "pictures" / f"class{kind}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    return folder / "pictures"


def plain_signals() -> None:
    """Restore the signals of a terminal: a shell that starts these rows in the background ignores some."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


Command = subprocess.Popen[str] | forked.Process
server: forked.Server | None = None  # commands are forked from it; without one, each starts a new interpreter
_started: list[Command] = []  # in this attempt


def start(folder: Path, *words: str, env: dict[str, str] | None = None) -> Command:
    """Start a command of exprun in a folder, in a process group of its own; its output goes to the file `said`."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **(env or {})}
    process: Command
    with open(folder / "said", "a") as log:
        if server is not None:
            process = server.start(words, log.fileno(), log.fileno(), folder, environment, new_session=True)
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", "exprun", *words],
                cwd=folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                preexec_fn=plain_signals,
                text=True,
            )
    _started.append(process)
    return process


def words_of(root: Path, *more: str) -> list[str]:
    """The command of the small run; later overrides replace earlier ones of the same key."""
    words = [*WORDS, f"data.root={root}", "run_dir=outputs/runs/it", *more]
    return list({word.split("=")[0]: word for word in words}.values())


def run(folder: Path, *words: str, env: dict[str, str] | None = None, seconds: float = HANGS) -> int:
    """Run a command of exprun to its end and return its exit code."""
    return start(folder, *words, env=env).wait(seconds)


def said(folder: Path) -> str:
    """The output of all commands that were started in a folder."""
    return (folder / "said").read_text(errors="replace")


def kill(process: Command, number: int = signal.SIGKILL) -> None:
    """Send a signal to a command and the processes it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def until(process: Command, holds: Callable[[], bool], seconds: float = HANGS) -> bool:
    """Poll until a condition holds; False where the process ended first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.0005)
    raise AssertionError("it did not come to that")


def weights(run_dir: Path, name: str) -> dict[str, np.ndarray]:
    """The variables of a checkpoint."""
    with np.load(run_dir / "checkpoints" / f"{name}.npz") as file:
        return {key: file[key] for key in file.files if key != "state"}


def figures(run_dir: Path) -> list[tuple[int, tuple[tuple[str, float], ...]]]:
    """The journal without times, which a repeated run equals bit by bit."""
    return [
        (row["step"], tuple((k, v) for k, v in row["metrics"].items() if not k.startswith("time/")))
        for row in RunFolder(run_dir).read_journal()
    ]


def check_equal(run_dir: Path, whole: Path) -> None:
    """Assert that a run ended as the uninterrupted one did: status, metrics, every bit of the weights."""
    assert status(run_dir) == "FINISHED"
    for name in ("last", "best"):
        a, b = weights(run_dir, name), weights(whole, name)
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[key], b[key]) for key in a), f"{name}: other weights"
    assert figures(run_dir) == figures(whole), "other figures in the journal"


def status(run_dir: Path) -> str:
    """The status of a run, from its folder."""
    return str(json.loads((run_dir / "result.json").read_text())["status"])


def check_store(store: Path, run_dir: Path, statuses: tuple[str, ...] = ("FINISHED",)) -> None:
    """Assert that MLflow's SQLite store holds one closed run, with each metric of the journal once and in order."""
    with contextlib.closing(sqlite3.connect(store)) as base:
        found = base.execute("select status from runs where lifecycle_stage = 'active'").fetchall()
        assert len(found) == 1, f"{len(found)} runs in MLflow"
        assert found[0][0] in statuses, f"the run is {found[0][0]} in MLflow"
        rows = base.execute(POINTS).fetchall()
    compare_points(run_dir, rows)


def runs_in(store: Path) -> int:
    """The number of runs in an SQLite store; 0 while its tables are being made."""
    with contextlib.suppress(sqlite3.Error):
        if store.exists():
            with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=0.1)) as base:
                return int(base.execute("select count(*) from runs").fetchone()[0])
    return 0


def compare_points(run_dir: Path, rows: list[tuple[Any, ...]]) -> None:
    """Assert that the rows of a store, (key, step, value, time), are those of the journal."""
    wanted = sorted(
        (key, row["step"], value, row["time"])
        for row in RunFolder(run_dir).read_journal()
        for key, value in row["metrics"].items()
    )
    # What the end adds: metrics of the selected weights, and the final time, which is after the last epoch.
    final = {row for row in rows if row[0] == "time/seconds" and row not in wanted}
    assert len(final) <= 1, "a time that is not in the journal"
    found = sorted(row for row in rows if not row[0].startswith(AT_THE_END) and row not in final)
    assert len(found) == len(set(found)), "a figure is in MLflow twice"
    assert found == wanted, f"{len(found)} figures in MLflow, {len(wanted)} in the journal"


def one_sentence(text: str) -> None:
    """Assert that an output has no traceback and ends with a sentence of exprun."""
    assert "Traceback" not in text, text[-1500:]
    last = [line for line in text.strip().splitlines() if line.startswith("exprun: ")]
    assert last, text[-1500:]
    assert last[-1].endswith("."), last[-1]
