"""The measurements of `scripts/bench speed` and their tables in docs/performance.md."""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exprun.markdown import replace_between

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "docs" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
# Instruction sets on which the speed of a processor depends, the fastest first.
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
HEADS = ["measurement", "compared with", "exprun", "baseline", "ratio", "lowest to highest ratio"]
HEADS += ["required ratio", "reached"]
# The first two cells of lines, by the name of the line in the records; other names have the form `first: second`.
CELLS = {
    "from the end of a run to the first step of the next, same structure: 0.5 s": (
        "pause from the end of a run to the first step of the next run",
        "a limit of 0.5 s",
    ),
    "from a run's last step to the next one's first": (
        "pause from the last step of a run to the first step of the next run",
        "",
    ),
    "training from files, 224×224: Keras fit, tf.data by hand": (
        "training from files, 224×224",
        "Keras fit with a tf.data pipeline",
    ),
    "training from files, 224×224: the same set in memory": (
        "training from files, 224×224",
        "exprun with the same images in memory",
    ),
    "reading 1,600 pictures: into the cache, measured once; in each epoch": (
        "reading 1,600 JPEG files, once, into the cache",
        "reading the files with tf.data, in each epoch",
    ),
    "memory of its own, 50,000 images of 96×96 streamed: 5,000; one process each": (
        "private memory of a process that streams 50,000 images of 96×96",
        "private memory of a process that streams 5,000 images",
    ),
    "peak memory, 50,000 images: Keras fit on the same uint8": (
        "peak memory with 50,000 images",
        "Keras fit with the same uint8 images",
    ),
    "8 short runs in one process: 8 processes": (
        "eight short runs in one process",
        "eight short runs in eight processes",
    ),
}


@dataclass
class Line:
    """A line of a table: exprun compared with a baseline, or exprun alone.

    Args:
        what: the name of the line in the records: what is measured, and what it is compared with.
        own: the median of the measurements of exprun, with its unit.
        other: the median of the measurements of the baseline, with its unit, or an empty string.
        ratio: the median of the ratios of all rounds; above 1, exprun is better.
        low: the lowest of these ratios.
        high: the highest of these ratios.
        bar: the required ratio, or None.
    """

    what: str
    own: str
    other: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    bar: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the ratio reaches the required ratio."""
        return self.bar is None or self.ratio is None or self.ratio >= self.bar

    @property
    def cells(self) -> tuple[str, str]:
        """The first two cells of the line in the table: what is measured, and what exprun is compared with."""
        if self.what in CELLS:
            return CELLS[self.what]
        measured, _, other = self.what.partition(": ")
        measured = re.sub(r"default \((\w+), theirs (\w+)\)", r"default precision (exprun \1, Keras \2)", measured)
        return measured, other


def higher_is_better(
    what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ",.0f"
) -> Line:
    """A line for measurements where higher is better, such as images per second."""
    ratios = sorted(a / b for a, b in zip(own, other, strict=True))
    own_median, other_median = (f"{statistics.median(values):{form}} {unit}" for values in (own, other))
    return Line(what, own_median, other_median, statistics.median(ratios), ratios[0], ratios[-1], bar)


def lower_is_better(
    what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ".1f"
) -> Line:
    """A line for measurements where lower is better, such as seconds."""
    line = higher_is_better(what, [1 / value for value in own], [1 / value for value in other], unit, bar)
    line.own, line.other = (f"{statistics.median(values):{form}} {unit}" for values in (own, other))
    return line


def record(part: str, lines: list[Line], turns: int, packages: list[str], parts: Iterable[str]) -> None:
    """Write the lines of one part to the records, and the tables of all parts to the page."""
    records = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else {}
    records[part] = {"machine": machine(packages), "turns": turns, "lines": [asdict(line) for line in lines]}
    RECORDS.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    for name in parts:
        page = replace_between(page, name, table(records.get(name)))
    PAGE.write_text(page, encoding="utf-8")


def table(part: dict[str, Any] | None) -> str:
    """The table of a part's record, in Markdown."""
    if part is None:
        return "This part has not been measured yet."
    lines = [Line(**line) for line in part["lines"]]
    rows = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        spread = "" if line.ratio is None else f"{line.low:.2f} to {line.high:.2f}"
        bar = "" if line.bar is None else f"{line.bar:.2f}"
        verdict = "" if line.bar is None else "yes" if line.holds else "**no**"
        cells = [*line.cells, line.own, line.other, ratio, spread, bar, verdict]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + f"\n\n{fastest(lines)}Medians over {part['turns']} rounds. Measured on {part['machine']}."


def fastest(lines: list[Line]) -> str:
    """A sentence on the fastest of several other programs in training; an empty string if there are not several."""
    others = [line for line in lines if line.what.startswith(("training, float32", "training, mixed_bfloat16"))]
    if len(others) < 2:
        return ""
    best = max(others, key=lambda line: float(line.other.split()[0].replace(",", "")))
    return f"The fastest of the other programs is {best.cells[1]}, with {best.other} (ratio {best.ratio:.2f}).\n\n"


def machine(packages: list[str]) -> str:
    """Processor, versions, commit and date of a measurement.

    Args:
        packages: the packages of the programs in other environments, with their versions.
    """
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line.split(":")[1].strip() for line in cpuinfo.splitlines() if "model name" in line]
    name = models[0] if models else platform.processor()
    flags = cpuinfo.split()
    widest = next((flag for flag in INSTRUCTIONS if flag in flags), "")
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join([*(f"{package} {version(package)}" for package in ("tensorflow", "keras")), *packages])
    # Only the code is measured, so records that earlier parts wrote do not count as changes.
    written = [f":(exclude){path.relative_to(ROOT)}" for path in (RECORDS, PAGE)]
    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" if git("status", "--porcelain", "-uno", "--", ".", *written) else ""
    return (
        f"{name}{widest and f' ({widest})'}, {cores} cores, Python {platform.python_version()}, {versions}"
        f"; commit {commit}, {datetime.date.today().isoformat()}"
    )


def git(*words: str) -> str:
    """The output of git in this checkout; an empty string if git fails."""
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()
