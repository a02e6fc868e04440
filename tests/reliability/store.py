"""MLflow's SQLite store: locked, read-only, corrupted, of an older version."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from reliability.common import Row, check_store, run, runs_in, said, start, status, until, words_of, write_images
from reliability.disk import small_disk


def broken(folder: Path, times: int) -> Row:
    """Whatever is wrong with the store, the run is complete, reports what is wrong, and can be uploaded later."""
    row = Row("MLflow store in SQLite locked, read-only, corrupted or of an older version")
    root = write_images(folder)
    cases = (_locked_for_a_while, _locked, _read_only, _corrupted, _corrupted_in_training, _older)
    made = folder / "made"
    assert run(made, *words_of(root, "trainer.epochs=1")) == 0, said(made)
    for number in range(times):
        case = cases[number % len(cases)]
        place = folder / f"{number}"
        place.mkdir()
        with row.attempt(case.__name__.strip("_").replace("_", " ")):
            case(place, made / "outputs" / "mlflow.db", root)
    return row


def _finished(place: Path, warned: bool) -> Path:
    run_dir = place / "outputs" / "runs" / "it"
    assert status(run_dir) == "FINISHED"
    assert "Traceback" not in said(place), said(place)[-1500:]
    assert ("MLflow has not received the run" in said(place)) == warned, said(place)[-1500:]
    return run_dir


def _elsewhere(place: Path, run_dir: Path) -> None:
    """A run that a store could not take is uploaded to another store."""
    assert run(place, "sync", "outputs/runs/it", "--uri", f"sqlite:///{place}/other.db") == 0, said(place)[-1500:]
    check_store(place / "other.db", run_dir)


@contextlib.contextmanager
def _exclusive(store: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as base:
        base.execute("begin exclusive")
        yield
        base.execute("rollback")


def _locked_for_a_while(place: Path, made: Path, root: Path) -> None:
    store = place / "store.db"
    shutil.copy(made, store)
    already = runs_in(store)
    words = words_of(root, f"tracking.uri=sqlite:///{store}", "trainer.epochs=30")
    with _exclusive(store):
        process = start(place, *words)
        until(process, lambda: "epoch 10/" in said(place))
    assert process.wait(200) == 0, said(place)[-1500:]
    _finished(place, warned=False)
    assert runs_in(store) == already + 1


def _locked(place: Path, made: Path, root: Path) -> None:
    store = place / "store.db"
    shutil.copy(made, store)
    with _exclusive(store):
        assert run(place, *words_of(root, f"tracking.uri=sqlite:///{store}")) == 0, said(place)[-1500:]
    _elsewhere(place, _finished(place, warned=True))


def _read_only(place: Path, made: Path, root: Path) -> None:
    with small_disk(40_000) as mount:
        shutil.copy(made, mount / "store.db")
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        words = words_of(root, f"tracking.uri=sqlite:///{mount}/store.db")
        assert run(place, *words) == 0, said(place)[-1500:]
    assert "read-only" in said(place).lower() or "readonly" in said(place).lower(), said(place)[-1500:]
    _elsewhere(place, _finished(place, warned=True))


def _corrupted(place: Path, made: Path, root: Path) -> None:
    store = place / "store.db"
    store.write_bytes(b"this is no database " * 2000)
    before = store.read_bytes()
    assert run(place, *words_of(root, f"tracking.uri=sqlite:///{store}")) == 0, said(place)[-1500:]
    assert "not a database" in said(place), said(place)[-1500:]
    assert store.read_bytes() == before, "the damaged store was written to"
    _elsewhere(place, _finished(place, warned=True))


def _corrupted_in_training(place: Path, made: Path, root: Path) -> None:
    store = place / "store.db"
    shutil.copy(made, store)
    process = start(place, *words_of(root, f"tracking.uri=sqlite:///{store}", "trainer.epochs=200"))
    already = runs_in(made)
    until(process, lambda: runs_in(store) > already)
    content = store.read_bytes()
    store.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    assert process.wait(200) == 0, said(place)[-1500:]
    _elsewhere(place, _finished(place, warned=True))


def _older(place: Path, made: Path, root: Path) -> None:
    """Tables of an earlier MLflow, which its own command brings up to date."""
    store = place / "store.db"
    made_by = "import sys; from alembic import command; from mlflow.store.db.utils import _get_alembic_config as c;"
    made_by += "import sqlalchemy; from mlflow.store.tracking.dbmodels.initial_models import Base;"
    made_by += "e = sqlalchemy.create_engine(sys.argv[1]); Base.metadata.create_all(e);"
    made_by += "k = c(sys.argv[1]); command.upgrade(k, '3500859a5d39')"  # of MLflow 2.3
    subprocess.run([sys.executable, "-c", made_by, f"sqlite:///{store}"], check=True, capture_output=True)
    assert run(place, *words_of(root, f"tracking.uri=sqlite:///{store}")) == 0, said(place)[-1500:]
    run_dir = place / "outputs" / "runs" / "it"
    assert status(run_dir) == "FINISHED"
    assert "Traceback" not in said(place), said(place)[-1500:]
    if "MLflow has not received the run" in said(place):
        assert "db upgrade" in said(place), said(place)[-1500:]
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{store}"]
        subprocess.run(upgrade, check=True, capture_output=True)
        assert run(place, "sync") == 0, said(place)[-1500:]
    check_store(store, run_dir)
