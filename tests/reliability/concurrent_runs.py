"""Eight processes at once: in one folder, with one cache and store, in one sweep."""

import contextlib
import json
import sqlite3
from pathlib import Path

from reliability.common import (
    Row,
    check_equal,
    check_store,
    compare_points,
    run,
    said,
    start,
    status,
    words_of,
    write_images,
)

PROCESSES = 8


def same_folder(folder: Path, times: int) -> Row:
    """One of them trains, and the others end with a message that says so."""
    row = Row("8 processes, one output folder")
    root = write_images(folder)
    whole = folder / "whole"
    assert run(whole, *words_of(root)) == 0, said(whole)
    for number in range(times):
        with row.attempt(f"{number}"):
            place = folder / f"f{number}"
            started = [start(place, *words_of(root)) for _ in range(PROCESSES)]
            codes = [process.wait(900) for process in started]
            assert codes.count(0) == 1, codes
            assert set(codes) <= {0, 1, 2}, codes
            assert "Traceback" not in said(place), said(place)[-1500:]
            check_equal(place / "outputs" / "runs" / "it", whole / "outputs" / "runs" / "it")
            check_store(place / "outputs" / "mlflow.db", place / "outputs" / "runs" / "it")
    return row


def same_cache_and_store(folder: Path, times: int) -> Row:
    """Each has its own run; all share a cache and a store, neither of which exists at the start."""
    row = Row("8 processes, one cache and one store")
    root = write_images(folder)
    for number in range(times):
        with row.attempt(f"{number}"):
            place = folder / f"c{number}"
            started = [
                start(place, *words_of(root, f"run_dir=outputs/runs/{n}", f"seed={n}")) for n in range(PROCESSES)
            ]
            codes = [process.wait(900) for process in started]
            assert codes == [0] * PROCESSES, (codes, said(place)[-1500:])
            assert "MLflow has not received" not in said(place)
            entries = [path for path in (place / "outputs" / "cache").iterdir() if path.name != "index"]
            assert len([p for p in entries if p.name.startswith("image_folder-")]) == 1, entries
            with contextlib.closing(sqlite3.connect(place / "outputs" / "mlflow.db")) as base:
                for n in range(PROCESSES):
                    run_dir = place / "outputs" / "runs" / f"{n}"
                    run_id = json.loads((run_dir / "tracking.json").read_text())["run_id"]
                    rows = base.execute(
                        "select key, step, value, timestamp from metrics where run_uuid = ? and is_nan = 0", (run_id,)
                    ).fetchall()
                    compare_points(run_dir, rows)
                found = base.execute("select status from runs").fetchall()
            assert found == [("FINISHED",)] * PROCESSES, found
    return row


def same_sweep(folder: Path, times: int) -> Row:
    """All are given the same sweep of twelve runs, and divide it between them."""
    row = Row("8 processes, one sweep")
    root = write_images(folder)
    words = [word for word in words_of(root) if not word.startswith("run_dir=")]
    words = ["-m", *words, "norm=none,batch", "seed=0,1,2,3,4,5"]
    for number in range(times):
        with row.attempt(f"{number}"):
            place = folder / f"s{number}"
            started = [start(place, *words) for _ in range(PROCESSES)]
            codes = [process.wait(1500) for process in started]
            assert codes == [0] * PROCESSES, (codes, said(place)[-1500:])
            (sweep,) = (path for path in (place / "outputs" / "sweeps").iterdir() if path.is_dir())
            assert [status(sweep / f"{n}") for n in range(12)] == ["FINISHED"] * 12
            with contextlib.closing(sqlite3.connect(place / "outputs" / "mlflow.db")) as base:
                found = base.execute("select status from runs").fetchall()
                parents = base.execute("select distinct value from tags where key = 'mlflow.parentRunId'").fetchall()
            assert found == [("FINISHED",)] * 13, found
            assert len(parents) == 1, parents
    return row
