"""What can go wrong, tried for real: the table of docs/reliability.md. `scripts/faults` starts it."""

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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from exprun.files import write_whole  # noqa: E402
from exprun.locks import file_lock  # noqa: E402
from reliability.rows import ROWS  # noqa: E402

RECORDS, PAGE = ROOT / "docs" / "faults.json", ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: written by scripts/faults -->", "<!-- end of the table -->"


def records() -> dict[str, dict[str, Any]]:
    """What has been measured, by row."""
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else {}


def write_page() -> None:
    """The table, from the records."""
    lines = ["| Fault | Tried | Survived | Lost | Measured | |", "| --- | --- | --- | --- | --- | --- |"]
    known = records()
    for name in ROWS:
        if found := known.get(name):
            kept = found["tried"] - found["lost"]
            cells = [found["fault"], f"{found['tried']:,}", f"{kept:,}", f"{found['lost']:,}", found["note"]]
            lines.append(f"| {' | '.join(cells)} | {found['commit']}, {found['date']} |")
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Run the rows that are named, or all; returns 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {', '.join(ROWS)}")
    wanted = parser.parse_args().rows or list(ROWS)
    if strange := [name for name in wanted if name not in ROWS]:
        parser.error(f"{strange[0]} is no row; there are: {', '.join(ROWS)}.")
    commit = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    lost = 0
    for name in wanted:
        entry = ROWS[name]
        if not entry.can():
            print(f"{name}: not on this machine, or not as this user", flush=True)
            continue
        folder, began = Path(tempfile.mkdtemp(prefix=f"faults-{name}-")), time.monotonic()
        row = entry.run(folder, entry.times)
        note = {
            "fault": row.fault,
            "tried": row.tried,
            "lost": len(row.lost),
            "note": row.note,
            "commit": commit.stdout.strip() or "no commit",
            "date": f"{datetime.date.today()}",
            "cores": len(os.sched_getaffinity(0)),
        }
        (ROOT / "outputs").mkdir(exist_ok=True)
        with file_lock(ROOT / "outputs" / ".faults.lock", wait=True):
            write_whole(RECORDS, json.dumps(records() | {name: note}, indent=1, ensure_ascii=False) + "\n")
            write_page()
        lost += len(row.lost)
        seconds = time.monotonic() - began
        print(f"{name}: {row.fault}: {row.tried} tried, {len(row.lost)} lost, {seconds:.0f} s. {row.note}", flush=True)
        for sentence in row.lost:
            print(f"  {sentence}", flush=True)
        if row.lost:
            print(f"  what is left of it: {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
