"""kill −9 at every moment of a run."""

import contextlib
import random
import shutil
import sqlite3
import time
from pathlib import Path

from reliability.common import Row, check_equal, check_store, kill, run, start, until, words_of, write_images

MOMENTS = ("checkpoint", "cache", "logging", "anywhere", "import")


def killed(folder: Path, times: int) -> Row:
    """A run is killed, and the same command with trainer.resume=true resumes it; at each of `MOMENTS` in turn."""
    row = Row("kill −9 in a run, then resumed")
    root = write_images(folder)
    words = [*words_of(root), "trainer.resume=true"]
    whole = folder / "whole"
    began = time.monotonic()
    assert run(whole, *words) == 0, "the uninterrupted run failed"
    seconds = time.monotonic() - began
    rng, hits = random.Random(0), 0
    for number in range(times):
        moment = MOMENTS[number % len(MOMENTS)]
        place = folder / f"{number}"
        run_dir, outputs = place / "outputs" / "runs" / "it", place / "outputs"
        if number % 3:  # the others make a store of their own
            outputs.mkdir(parents=True)
            shutil.copy(whole / "outputs" / "mlflow.db", outputs / "mlflow.db")
            _empty(outputs / "mlflow.db")
        with row.attempt(f"{number} ({moment})"):
            process = start(place, *words)
            journal, skip = run_dir / "metrics.jsonl", rng.randrange(40)
            if moment == "anywhere":
                time.sleep(rng.uniform(0, seconds))
            elif moment == "import":
                time.sleep(rng.uniform(0, 4))
            elif moment == "cache":
                hits += until(process, lambda: any((outputs / "cache").glob(".image_folder-*")))  # noqa: B023
            elif moment == "checkpoint":
                until(process, lambda: _lines(journal) > skip)  # noqa: B023
                hits += until(process, lambda: any((run_dir / "checkpoints").glob(".*.npz")))  # noqa: B023
            else:
                hits += until(process, lambda: _lines(journal) > skip)  # noqa: B023
            kill(process)
            process.wait()
            assert run(place, *words) == 0, "it did not go on"
            check_equal(run_dir, whole / "outputs" / "runs" / "it")
            check_store(outputs / "mlflow.db", run_dir)
        if not row.lost:
            shutil.rmtree(place)
    aimed = sum(number % len(MOMENTS) < 3 for number in range(times))
    row.note = f"{hits} of {aimed} timed kills came at the intended moment"
    return row


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _empty(store: Path) -> None:
    """Delete the runs of a copied store, so that its tables need not be made again."""
    with contextlib.closing(sqlite3.connect(store)) as base:
        names = [name for (name,) in base.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            if name not in ("alembic_version", "experiments", "workspaces"):
                base.execute(f'delete from "{name}"')
        base.commit()
