"""The records of the cases and their tables in docs/cases.md."""

import json
import shlex
import statistics
from pathlib import Path
from typing import Any

from definitions import CASES, DEFAULT, FULL, SEEDS, Case, Row, Rows, mean, overrides_of
from exprun.files import write_whole
from exprun.locks import file_lock
from exprun.markdown import replace_between

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "docs" / "cases.json"
PAGE = ROOT / "docs" / "cases.md"
RUNS = ROOT / "outputs" / "cases"
MEASURED = "The runs were trained at these commits and started on these dates:"
KEY = ("size", "case", "row", "seed")  # the keys that identify a record


def read_records() -> list[dict[str, Any]]:
    """All records; an empty list if nothing has been measured."""
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else []


def records_of(case: Case, row: Row, size: str) -> list[dict[str, Any]]:
    """The records of a row that were measured with its current overrides."""
    key, overrides = (size, case.preset, row.name), overrides_of(case, row, size)
    return [r for r in read_records() if tuple(r[k] for k in KEY[:3]) == key and r["overrides"] == overrides]


def keep(record: dict[str, Any]) -> None:
    """Add a record to the file, replace an older record of the same run, and write the tables."""
    with file_lock(RUNS / ".lock", wait=True):
        records = [r for r in read_records() if any(r[k] != record[k] for k in KEY)]
        records = sorted([*records, record], key=lambda r: [str(r[k]) for k in KEY])
        lines = ",\n".join(json.dumps(r, ensure_ascii=False, allow_nan=False) for r in records)
        write_whole(RECORDS, f"[\n{lines}\n]\n")
        write_tables()


def write_tables() -> None:
    """Write the tables of the records into the page, each between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    for case in CASES:
        for size in (DEFAULT, FULL) if case.full else (DEFAULT,):
            page = replace_between(page, f"{case.preset} {size}", table(case, size))
    PAGE.write_text(page, encoding="utf-8")


def table(case: Case, size: str) -> str:
    """The table of a case, the commands of its rows, and where and when the rows were measured."""
    heads = ["row", "role", "config", *(head for head, _, _ in case.columns), "seeds", "expected", "as expected"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    records = {row.name: records_of(case, row, size) for row in case.rows}
    by_seed: Rows = {name: {r["seed"]: r["metrics"] for r in row_records} for name, row_records in records.items()}
    commands: list[str] = []
    origins: dict[str, dict[str, list[str]]] = {}  # the seeds of each row, by origin
    for row in (row for row in case.rows if records[row.name]):
        lines.append(table_row(case, row, records[row.name], by_seed))
        if row.role != "peer":
            commands.append(f"- `{row.name}`: `{command_of(case, row, size, records[row.name])}`")
        for r in records[row.name]:
            device = f" on {r['device']}" if r["device"] else ""
            commits = r["commit"].split()
            origin = f"{'commits' if len(commits) > 1 else 'commit'} {' and '.join(commits)}, {r['date']}"
            seeds = origins.setdefault(f"{origin}, {r['precision']}{device}", {}).setdefault(row.name, [])
            seeds.append(str(r["seed"]))
    if not commands:
        return "There are no results yet, because these runs have not been trained."
    measured = [f"- {rows_with_seeds(rows)}: {origin}" for origin, rows in sorted(origins.items())]
    return "\n".join([*lines, "", *commands, "", MEASURED, "", *measured])


def rows_with_seeds(rows: dict[str, list[str]]) -> str:
    """The names of rows, each with the seeds of its runs."""
    return ", ".join(
        f"`{name}` ({'seeds' if len(seeds) > 1 else 'seed'} {', '.join(seeds)})" for name, seeds in rows.items()
    )


def table_row(case: Case, row: Row, records: list[dict[str, Any]], by_seed: Rows) -> str:
    """One line of the table: the metrics of a row over the seeds, and whether they are as expected."""
    names = {name for record in records for name in record["metrics"]}
    metrics = {name: [record["metrics"].get(name) for record in records] for name in names}
    cells = [shown(metrics.get(name, []), form) for _, name, form in case.columns]
    complete, failed = len(records) == len(SEEDS), any(r["reason"] for r in records)
    holds = None if row.holds is None or not complete else not failed and row.holds(metrics, by_seed)
    verdict = {None: "", True: "yes", False: "**no**"}[holds]
    seeds = ", ".join(str(r["seed"]) for r in records)
    reasons = " or ".join(dict.fromkeys(f'"{r["reason"]}"' for r in records if r["reason"]))
    what = f"{row.what}; failed with {reasons}" if reasons else row.what
    return f"| `{row.name}` | {row.role} | {what} | {' | '.join(cells)} | {seeds} | {row.expected} | {verdict} |"


def command_of(case: Case, row: Row, size: str, records: list[dict[str, Any]]) -> str:
    """The command that repeats a row.

    A row that starts from the weights of another row, seed by seed, needs `scripts/reproduce`.
    """
    seeds = ",".join(str(r["seed"]) for r in records)
    if row.weights:
        words = ["scripts/reproduce", case.preset, *(["--full"] if size == FULL else []), "--rows", row.name]
        return shlex.join([*words, "--seeds", seeds])
    multirun = ["-m"] if len(records) > 1 else []
    return shlex.join(["python", "-m", "exprun", *multirun, *overrides_of(case, row, size), f"seed={seeds}"])


def shown(values: list[float | None], form: str) -> str:
    """Mean ± standard deviation over the seeds.

    Args:
        values: the values of a metric, one for each seed; None for a seed without this metric.
        form: `%` for a fraction, `+` for a difference of fractions, or a format specification.
    """
    present = [value for value in values if value is not None]
    if len(present) < len(values):
        return f"{len(present)} of {len(values)} seeds" if present else "never"
    if not present:
        return "–"
    factor, digits = (100, ".1f") if form == "%" else (100, "+.1f") if form == "+" else (1, form)
    spread = f" ± {format(factor * statistics.stdev(present), digits.lstrip('+'))}" if len(present) > 1 else ""
    return format(factor * mean(present), digits) + spread + (" %" if form == "%" else "")
