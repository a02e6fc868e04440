"""The measurements of `scripts/bench speed` and their tables in docs/performance.md."""

import datetime
import json
import os
import platform
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
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")  # that speed depends on, best first


@dataclass
class Line:
    """A line of a table: a measurement of exprun against one of another program, or one of exprun alone.

    Args:
        what: what is measured, and against what.
        own: median of exprun's measurements, with its unit.
        other: median of the other program's measurements, or nothing.
        ratio: median of the ratios of each turn; above 1 exprun is better.
        low: the lowest of these ratios.
        high: the highest of these ratios.
        bar: the ratio to reach, or None.
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
        """Whether the ratio reaches its bar."""
        return self.bar is None or self.ratio is None or self.ratio >= self.bar


def higher_is_better(
    what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ",.0f"
) -> Line:
    """The line of measurements taken in turn, such as images per second."""
    ratios = sorted(a / b for a, b in zip(own, other, strict=True))
    own_median, other_median = (f"{statistics.median(values):{form}} {unit}" for values in (own, other))
    return Line(what, own_median, other_median, statistics.median(ratios), ratios[0], ratios[-1], bar)


def lower_is_better(
    what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ".1f"
) -> Line:
    """The line of measurements taken in turn, such as seconds."""
    line = higher_is_better(what, [1 / value for value in own], [1 / value for value in other], unit, bar)
    line.own, line.other = (f"{statistics.median(values):{form}} {unit}" for values in (own, other))
    return line


def record(part: str, lines: list[Line], turns: int, torch: str, parts: Iterable[str]) -> None:
    """Write the lines of a part to the records, and the tables of all parts to the page."""
    records = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else {}
    records[part] = {"machine": machine(torch), "turns": turns, "lines": [asdict(line) for line in lines]}
    RECORDS.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    for name in parts:
        page = replace_between(page, name, table(records.get(name)))
    PAGE.write_text(page, encoding="utf-8")


def table(part: dict[str, Any] | None) -> str:
    """The table of a part's record, in Markdown."""
    if part is None:
        return "Not measured yet."
    rows = ["| measured: against | exprun | the other | ratio | lowest, highest | bar |  |", "|---" * 7 + "|"]
    for line in (Line(**line) for line in part["lines"]):
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        spread = "" if line.ratio is None else f"{line.low:.2f}, {line.high:.2f}"
        bar = "" if line.bar is None else f"{line.bar:.2f}"
        verdict = "" if line.bar is None else "yes" if line.holds else "**no**"
        rows.append(f"| {line.what} | {line.own} | {line.other} | {ratio} | {spread} | {bar} | {verdict} |")
    return "\n".join(rows) + f"\n\nMedians of {part['turns']} turns. {part['machine']}."


def machine(torch: str) -> str:
    """Processor, versions, commit and date of a measurement.

    Args:
        torch: version of PyTorch, or nothing where it was left out.
    """
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line.split(":")[1].strip() for line in cpuinfo.splitlines() if "model name" in line]
    name = models[0] if models else platform.processor()
    flags = cpuinfo.split()
    widest = next((flag for flag in INSTRUCTIONS if flag in flags), "")
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{package} {version(package)}" for package in ("tensorflow", "keras"))
    # The code is measured: records of the parts before are no change of it.
    others = [f":(exclude){path.relative_to(ROOT)}" for path in (RECORDS, PAGE)]
    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" if git("status", "--porcelain", "-uno", "--", ".", *others) else ""
    return (
        f"{name}{widest and f' ({widest})'}, {cores} cores, Python {platform.python_version()}, {versions}"
        f"{f', PyTorch {torch}' if torch else ''}; commit {commit}, {datetime.date.today().isoformat()}"
    )


def git(*words: str) -> str:
    """What git prints in this checkout; nothing where it fails."""
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()
