"""Tries what can go wrong, for real, and writes the table of docs/reliability.md. `scripts/reliability` starts it."""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")  # instead of this folder

from exprun.files import write_whole  # noqa: E402
from exprun.locks import file_lock  # noqa: E402
from exprun.markdown import replace_between  # noqa: E402
from reliability.rows import ROWS  # noqa: E402

RECORDS, PAGE = ROOT / "docs" / "reliability.json", ROOT / "docs" / "reliability.md"


def read_records() -> dict[str, dict[str, Any]]:
    """The results by row; none where nothing has been tried."""
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else {}


def keep(name: str, record: dict[str, Any]) -> None:
    """Add the record of a row to the file, in place of an older one, and write the table."""
    (ROOT / "outputs").mkdir(exist_ok=True)
    with file_lock(ROOT / "outputs" / ".reliability.lock", wait=True):
        records = read_records() | {name: record}
        write_whole(RECORDS, json.dumps(records, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(replace_between(PAGE.read_text(encoding="utf-8"), "results", table(records)), encoding="utf-8")


def table(records: dict[str, dict[str, Any]]) -> str:
    """The table of all rows that have a record, in Markdown."""
    head = "| Failure | Attempts | As promised | Not as promised | Measured | Commit, date |"
    lines = [head, "| --- | --- | --- | --- | --- | --- |"]
    for record in (records[name] for name in ROWS if name in records):
        kept = record["tried"] - record["lost"]
        cells = [record["fault"], f"{record['tried']:,}", f"{kept:,}", f"{record['lost']:,}", record["note"]]
        lines.append(f"| {' | '.join(cells)} | {record['commit']}, {record['date']} |")
    return "\n".join(lines)


def run(name: str, commit: str) -> bool:
    """Try a row, record and print it; True where nothing was lost."""
    entry = ROWS[name]
    if not entry.can():
        print(f"{name}: not on this machine, or not as this user", flush=True)
        return True
    folder, began = Path(tempfile.mkdtemp(prefix=f"reliability-{name}-")), time.monotonic()
    row = entry.run(folder, entry.times)
    record = {
        "fault": row.fault,
        "tried": row.tried,
        "lost": len(row.lost),
        "note": row.note,
        "commit": commit,
        "date": f"{datetime.date.today()}",
        "cores": len(os.sched_getaffinity(0)),
    }
    keep(name, record)
    seconds = time.monotonic() - began
    print(f"{name}: {row.fault}: {row.tried} tried, {len(row.lost)} lost, {seconds:.0f} s. {row.note}", flush=True)
    for sentence in row.lost:
        print(f"  {sentence}", flush=True)
    if row.lost:
        print(f"  the files of the tries are kept: {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not row.lost


def main() -> int:
    """Try the rows that are named, or all; returns 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="scripts/reliability", description="Try what can go wrong.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {', '.join(ROWS)}")
    names = parser.parse_args().rows or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    done = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    commit = done.stdout.strip() or "no commit"
    survived = [run(name, commit) for name in names]
    return int(not all(survived))


if __name__ == "__main__":
    sys.exit(main())
