"""Signals that ask a run to end."""

import json
import signal
import time
from pathlib import Path

from reliability.common import Row, check_store, kill, run, runs_in, said, start, status, until, words_of, write_images

WARNINGS = (("SIGTERM", 143), ("SIGINT", 130), ("SIGUSR1", 138), ("SIGHUP", 129))
MOST_SECONDS = 10.0


def warned(folder: Path, times: int) -> Row:
    """Each signal at the import, in training and at the end in turn; then the run is resumed."""
    row, longest = Row("SIGTERM, Ctrl-C, SIGUSR1, SIGHUP"), 0.0
    root = write_images(folder)
    for number in range(times):
        name, code = WARNINGS[number % len(WARNINGS)]
        moment = ("training", "import", "end")[number // len(WARNINGS) % 3]
        place = folder / f"w{number}"
        words = [*words_of(root, f"trainer.epochs={20 if moment == 'end' else 2000}"), "trainer.resume=true"]
        run_dir = place / "outputs" / "runs" / "it"
        with row.attempt(f"{name} ({moment})"):
            process = start(place, *words)
            if moment == "import":
                time.sleep(1.5)
            elif moment == "training":
                until(process, lambda: runs_in(place / "outputs" / "mlflow.db") > 0)  # noqa: B023
            else:
                until(process, lambda: "epoch 20/20" in said(place))  # noqa: B023
            began = time.monotonic()
            kill(process, signal.Signals[name])
            ended = process.wait(60)
            seconds = time.monotonic() - began
            longest = max(longest, seconds)
            assert ended in (code, code - 128, 128 - code, 0 if moment == "end" else code), f"exit code {ended}"
            assert seconds < MOST_SECONDS, f"{seconds:.1f} s"
            assert "Traceback" not in said(place), said(place)[-1500:]
            if moment == "training":
                assert ended == code
                assert status(run_dir) == "KILLED"
                assert (run_dir / "checkpoints" / "last.npz").exists()
                check_store(place / "outputs" / "mlflow.db", run_dir, ("KILLED",))
            done = len(json.loads((run_dir / "result.json").read_text())["history"]) if moment == "training" else 20
            assert run(place, *words, f"trainer.epochs={done + 1}") == 0, said(place)[-1500:]
            assert status(run_dir) == "FINISHED"
            check_store(place / "outputs" / "mlflow.db", run_dir)
    row.note = f"at most {longest:.1f} s from the signal to the end of the process"
    return row


def twice(folder: Path, times: int) -> Row:
    """A second Ctrl-C ends the run at once, whatever the first is waiting for."""
    row, longest = Row("a second Ctrl-C"), 0.0
    root = write_images(folder)
    for number in range(times):
        place = folder / f"t{number}"
        with row.attempt(f"{number}"):
            process = start(place, *words_of(root, "trainer.epochs=2000"))
            until(process, lambda: "epoch 2/" in said(place))  # noqa: B023
            kill(process, signal.SIGSTOP)  # both arrive before the first has been answered
            kill(process, signal.SIGINT)
            time.sleep(0.05)
            kill(process, signal.SIGCONT)
            time.sleep(0.02)
            began = time.monotonic()
            kill(process, signal.SIGINT)
            code = process.wait(60)
            seconds = time.monotonic() - began
            longest = max(longest, seconds)
            assert code == 130, f"exit code {code}"
            assert seconds < 2.0, f"{seconds:.1f} s"
            assert run(place, *words_of(root, "trainer.epochs=3"), "trainer.resume=true") == 0
    row.note = f"at most {longest:.1f} s from the signal to the end of the process"
    return row
