"""Long runs and long sweeps: memory, file handles and time per run do not grow."""

import json
import subprocess
import sys
from pathlib import Path

from reliability.common import Row, words_of, write_images

MOST = 0.01  # growth of memory over the second half; its slope by least squares
MOST_TIME = 0.03  # growth of processor time per run, which other processes of a machine disturb
STEPS, RUNS = 20_000, 200

WATCHED = """
import json, os, sys, threading, time
from exprun import Session, run

kind, count, *words = sys.argv[1:]
found, session = [], Session()

def look():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))

if kind == "steps":
    done = threading.Event()
    def watch():
        while not done.wait(1.0):
            found.append((time.monotonic(), *look()))
    threading.Thread(target=watch, daemon=True).start()
    result = run([*words, f"trainer.max_steps={count}"], session)
    done.set()
    assert result.metrics and result.status == "FINISHED", result.reason
else:
    for number in range(int(count)):
        began = time.process_time()
        result = run([*words, f"seed={number}", f"run_dir=outputs/runs/{number}"], session)
        assert result.status == "FINISHED", result.reason
        found.append((time.process_time() - began, *look()))
json.dump(found, open("found.json", "w"))
"""


def slope(values: list[float]) -> float:
    """Growth over the second half of a series, by least squares, as a share of its mean."""
    import numpy as np

    half = np.array(values[len(values) // 2 :])
    if len(half) < 3:
        return 0.0
    rise = np.polyfit(np.arange(len(half)), half, 1)[0] * (len(half) - 1)
    return float(rise / half.mean())


def _watched(place: Path, kind: str, count: int, words: list[str]) -> list[list[float]]:
    place.mkdir()
    command = [sys.executable, "-c", WATCHED, kind, str(count), *words]
    with open(place / "said", "w") as log:
        subprocess.run(command, cwd=place, stdout=log, stderr=log, check=True, timeout=3600)
    return json.loads((place / "found.json").read_text())


def steps(folder: Path, times: int) -> Row:
    """One run of `times` steps."""
    row = Row(f"a run of {times:,} steps: memory and file handles")
    root = write_images(folder)
    with row.attempt("steps"):
        words = words_of(root, "trainer.epochs=100000", "doctor=watch", "progress=quiet", "trainer.log_every=10")
        found = _watched(folder / "long", "steps", times, words)
        memory, files = slope([one[1] for one in found]), slope([one[2] for one in found])
        row.note = f"memory {memory:+.2%} over the second half, {found[-1][1]:.0f} MB; file handles {files:+.2%}"
        assert memory <= MOST, row.note
        assert files <= MOST, row.note
    row.tried = times
    return row


def sweep(folder: Path, times: int) -> Row:
    """Many short runs in one process."""
    row = Row(f"{times} runs in one process: memory, file handles, time per run")
    root = write_images(folder)
    with row.attempt("runs"):
        words = words_of(root, "trainer.epochs=2", "progress=quiet", "doctor=watch")
        found = _watched(folder / "many", "runs", times, [word for word in words if "run_dir=" not in word])
        seconds, memory, files = (slope([one[place] for one in found]) for place in range(3))
        row.note = (
            f"memory {memory:+.2%} over the second half, {found[-1][1]:.0f} MB; file handles {files:+.2%}; "
            f"processor time per run {seconds:+.2%}"
        )
        assert seconds <= MOST_TIME, row.note
        assert memory <= MOST, row.note
        assert files <= MOST, row.note
    row.tried = times
    return row
