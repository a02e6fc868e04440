"""Measure the time of `--help`, `--cfg job` and each wrong command line of the tests, as whole processes.

The median of each command line and the median of all are printed. The exit code is 1 if the median of all is above one
second, if an exit code is wrong, or if the answer to a wrong command line is not exactly one line.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import repeats

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from test_cli_errors import WRONG

RIGHT = [["--help"], ["--cfg", "job"], ["--cfg", "job", "--resolve", "model=vgg16"]]
MAX_MEDIAN_SECONDS = 1.0


def run_once(words: list[str], exit_code: int, folder: str) -> tuple[float, bool]:
    """Run one command line; returns its time in seconds, and whether its exit code and its answer are right."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "exprun", *words], capture_output=True, text=True, cwd=folder, check=False
    )
    seconds = time.perf_counter() - started
    return seconds, done.returncode == exit_code and (exit_code == 0 or done.stderr.count("\n") == 1)


def main() -> int:
    """Time all command lines in turn; returns 1 if a limit is missed."""
    number = repeats("cli", __doc__, "runs of each command line")
    lines = [(words, 0) for words in RIGHT] + [(words, 2) for words, _ in WRONG]
    seconds: list[list[float]] = [[] for _ in lines]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(number):
            for times, (words, exit_code) in zip(seconds, lines, strict=True):
                elapsed, right = run_once(words, exit_code, folder)
                times.append(elapsed)
                failures += not right
    medians = [statistics.median(times) for times in seconds]
    for median, (words, _) in zip(medians, lines, strict=True):
        print(f"{median:.2f} s  {' '.join(words)!r}")
    overall = statistics.median(medians)
    print(f"{len(WRONG)} wrong and {len(RIGHT)} right command lines, {number} times each: ", end="")
    print(f"median {overall:.2f} s, slowest {max(medians):.2f} s; ", end="")
    print(f"{failures} with a wrong exit code or more than one line")
    return int(overall > MAX_MEDIAN_SECONDS or failures > 0)


if __name__ == "__main__":
    sys.exit(main())
