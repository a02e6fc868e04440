"""A disk that is full, on a small file system of its own."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from exprun.run_folder import RunFolder
from reliability.common import (
    Row,
    check_store,
    one_sentence,
    run,
    said,
    start,
    status,
    until,
    weights,
    words_of,
    write_images,
)

KILOBYTES = 4000


def can_mount() -> bool:
    """Whether this user may mount a file system."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError), small_disk(64):
        return True
    return False


@contextlib.contextmanager
def small_disk(kilobytes: int) -> Iterator[Path]:
    """Mount a file system of this many kilobytes; yields its folder."""
    place = Path(tempfile.mkdtemp(prefix="small"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        subprocess.run(command, check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)
    finally:
        place.rmdir()


def _fill(place: Path) -> None:
    with contextlib.suppress(OSError), open(place / "ballast", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)
    with contextlib.suppress(OSError), open(place / "ballast2", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 64)


def full(folder: Path, times: int) -> Row:
    """The disk is full for the checkpoint, journal, cache, store and plots in turn."""
    row = Row("disk full")
    root = write_images(folder)
    cases = (_checkpoint, _journal, _cache, _store, _pictures)
    for number in range(times):
        case = cases[number % len(cases)]
        place = folder / f"{number}"
        place.mkdir()
        with row.attempt(case.__name__.strip("_")), small_disk(KILOBYTES) as small:
            case(place, small, root)
    return row


def _checkpoint(place: Path, small: Path, root: Path) -> None:
    """The first checkpoint fits, the next does not: one sentence, and the first can be read."""
    words = words_of(root, f"run_dir={small}/it", "model.layers=[{conv: 8}, {pool: max}, flatten, {dense: 170}]")
    assert run(place, *words) == 1, said(place)[-1500:]
    one_sentence(said(place))
    assert "No space left" in said(place)
    assert status(small / "it") == "FAILED"
    assert weights(small / "it", "last")
    assert RunFolder(small / "it").read_journal()
    check_store(place / "outputs" / "mlflow.db", small / "it", ("FAILED",))
    subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
    assert run(place, *words, "trainer.resume=true") == 0, said(place)[-1500:]
    assert status(small / "it") == "FINISHED"


def _journal(place: Path, small: Path, root: Path) -> None:
    """No byte is left in the middle of training."""
    tiny = "model.layers=[{conv: 4}, {pool: max}, flatten, {dense: 8}]"
    words = words_of(root, f"run_dir={small}/it", tiny, "trainer.epochs=400")
    process = start(place, *words)
    until(process, lambda: "epoch 3/" in said(place))
    _fill(small)
    assert process.wait(120) == 1, said(place)[-1500:]
    one_sentence(said(place))
    assert "No space left" in said(place)
    assert weights(small / "it", "last")
    rows = RunFolder(small / "it").read_journal()
    assert rows
    for ballast in ("ballast", "ballast2"):
        (small / ballast).unlink()
    last = max(row["step"] for row in rows)
    again = [*words, "trainer.resume=true", f"trainer.epochs={last // 8 + 2}"]
    assert run(place, *again) == 0, said(place)[-1500:]
    steps = [row["step"] for row in RunFolder(small / "it").read_journal() if "train/batch_loss" in row["metrics"]]
    assert steps == sorted(set(steps))
    check_store(place / "outputs" / "mlflow.db", small / "it")


def _cache(place: Path, small: Path, root: Path) -> None:
    """A run without its cache is slower, and complete."""
    subprocess.run(["mount", "-o", "remount,size=100k", str(small)], check=True)
    assert run(place, *words_of(root, f"data.cache={small}/cache")) == 0, said(place)[-1500:]
    assert "Traceback" not in said(place)
    left = {path.name for path in (small / "cache").glob("*")}
    assert left <= {"listings"}, left
    check_store(place / "outputs" / "mlflow.db", place / "outputs" / "runs" / "it")


def _store(place: Path, small: Path, root: Path) -> None:
    """The store is full while a run trains: training goes on, and sync uploads it when there is space."""
    subprocess.run(["mount", "-o", "remount,size=1500k", str(small)], check=True)
    words = words_of(root, f"tracking.uri=sqlite:///{small}/mlflow.db", "trainer.epochs=40")
    process = start(place, *words)
    until(process, lambda: "epoch 2/" in said(place))
    _fill(small)
    assert process.wait(200) == 0, said(place)[-1500:]
    assert "Traceback" not in said(place), said(place)[-1500:]
    assert "MLflow has not received the run" in said(place)
    run_dir = place / "outputs" / "runs" / "it"
    assert status(run_dir) == "FINISHED"
    subprocess.run(["mount", "-o", "remount,size=60m", str(small)], check=True)
    assert run(place, "sync") == 0, said(place)[-1500:]
    check_store(small / "mlflow.db", run_dir)


def _pictures(place: Path, small: Path, root: Path) -> None:
    """A page that cannot be written does not change the run."""
    run_dir = place / "outputs" / "runs" / "it"
    process = start(place, *words_of(root, "trainer.epochs=30"))
    until(process, lambda: "epoch 2/" in said(place))
    os.symlink(small / "page.html", run_dir / "page.html")
    _fill(small)
    assert process.wait(200) == 0, said(place)[-1500:]
    assert "The page of the run could not be written" in said(place)
    assert status(run_dir) == "FINISHED"
    check_store(place / "outputs" / "mlflow.db", run_dir)
