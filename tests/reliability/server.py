"""MLflow's server: slow, refusing, dying and coming back, or never there."""

import contextlib
import os
import signal
import sqlite3
import statistics
import time
from pathlib import Path

from exprun.run_folder import RunFolder
from reliability.common import (
    POINTS,
    Row,
    compare_points,
    run,
    runs_in,
    said,
    start,
    status,
    until,
    words_of,
    write_images,
)
from servers import free_port, mlflow_server

LONG = "trainer.epochs=150"
MOST = 0.03  # of a run's time that a sick server may cost


def sick(folder: Path, times: int) -> Row:
    """The server is away at the start, dies in training, is slow, dies at the end, never comes; each in turn."""
    row = Row("tracking server unreachable, slow, dying and coming back")
    root = write_images(folder)
    cases = (_away_at_start, _dies_in_training, _stands_still, _dies_at_end, _never)
    for number in range(times):
        case = cases[number % len(cases)]
        place = folder / f"{number}"
        place.mkdir()
        with row.attempt(case.__name__.strip("_").replace("_", " ")):
            case(place, root)
    return row


def _command(root: Path, port: int) -> list[str]:
    return words_of(root, LONG, f"tracking.uri=http://127.0.0.1:{port}")


def _whole(place: Path) -> Path:
    """Assert that the run is complete on disk and was not delayed."""
    run_dir = place / "outputs" / "runs" / "it"
    assert status(run_dir) == "FINISHED"
    assert "Traceback" not in said(place), said(place)[-1500:]
    return run_dir


def _arrived(place: Path, run_dir: Path, store: Path | None = None) -> None:
    """Assert that the server's database has everything once, and nothing else."""

    with contextlib.closing(sqlite3.connect(store or place / "server.db")) as base:
        found = base.execute("select status from runs where lifecycle_stage = 'active'").fetchall()
        assert found == [("FINISHED",)], found
        rows = base.execute(POINTS).fetchall()
    compare_points(run_dir, rows)


def _arrives(place: Path, port: int) -> None:
    """Assert that the run is complete and reaches the server's database by itself or by one `sync`."""
    if "MLflow has not received the run" in said(place):
        with mlflow_server(place, port=port):
            assert run(place, "sync") == 0, said(place)[-1500:]
    _arrived(place, _whole(place))


def _away_at_start(place: Path, root: Path) -> None:
    port = free_port()
    process = start(place, *_command(root, port))
    until(process, lambda: "epoch 5/" in said(place))
    with mlflow_server(place, port=port):
        assert process.wait(300) == 0, said(place)[-1500:]
    _arrives(place, port)


def _dies_in_training(place: Path, root: Path) -> None:
    port = free_port()
    with mlflow_server(place, port=port) as (_, server):
        process = start(place, *_command(root, port))
        until(process, lambda: runs_in(place / "server.db") > 0 and "epoch 5/" in said(place))
        os.killpg(server.pid, signal.SIGKILL)
    time.sleep(1)
    with mlflow_server(place, port=port):
        assert process.wait(300) == 0, said(place)[-1500:]
    _arrives(place, port)


def _stands_still(place: Path, root: Path) -> None:
    port = free_port()
    with mlflow_server(place, port=port) as (_, server):
        process = start(place, *_command(root, port))
        until(process, lambda: runs_in(place / "server.db") > 0 and "epoch 5/" in said(place))
        for _ in range(4):
            os.killpg(server.pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.killpg(server.pid, signal.SIGCONT)
            time.sleep(0.2)
        assert process.wait(300) == 0, said(place)[-1500:]
    _arrives(place, port)


def _dies_at_end(place: Path, root: Path) -> None:
    port = free_port()
    with mlflow_server(place, port=port) as (_, server):
        process = start(place, *_command(root, port))
        until(process, lambda: "epoch 150/150" in said(place))
        os.killpg(server.pid, signal.SIGKILL)
        assert process.wait(300) == 0, said(place)[-1500:]
    _arrives(place, port)


def _never(place: Path, root: Path) -> None:
    port = free_port()
    assert run(place, *_command(root, port)) == 0, said(place)[-1500:]
    run_dir = _whole(place)
    assert "MLflow has not received the run" in said(place)
    store = place / "later.db"
    assert run(place, "sync", "--uri", f"sqlite:///{store}") == 0, said(place)[-1500:]
    _arrived(place, run_dir, store)


def cost(folder: Path, times: int) -> Row:
    """Training time with a server that answers and with one that has stopped, in turn."""
    row = Row("training time with a dead tracking server")
    root = write_images(folder)
    ratios: list[float] = []
    with row.attempt("median"), mlflow_server(folder) as (uri, server):
        for number in range(times):
            seconds = {}
            for name in ("well", "dead") if number % 2 else ("dead", "well"):
                place = folder / f"{name}{number}"
                words = [*words_of(root, LONG, f"tracking.uri={uri}"), "trainer.epochs=400"]
                os.killpg(server.pid, signal.SIGSTOP if name == "dead" else signal.SIGCONT)
                process = start(place, *words, env={"MLFLOW_HTTP_REQUEST_TIMEOUT": "5"})
                until(process, lambda: "epoch 400/400" in said(place), 600)  # noqa: B023
                os.killpg(server.pid, signal.SIGCONT)
                assert process.wait(300) == 0, said(place)[-1500:]
                rows = RunFolder(place / "outputs" / "runs" / "it").read_journal()
                spent = [row["metrics"]["time/seconds"] for row in rows if "time/seconds" in row["metrics"]]
                seconds[name] = spent[-1] - spent[20]  # after the compilation and the imports in other threads
            ratios.append(seconds["dead"] / seconds["well"])
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        row.note = f"ratio of training times: median {statistics.median(ratios):.3f}, in each attempt {each}"
        assert statistics.median(ratios) <= 1 + MOST, row.note
    row.tried = times
    return row
