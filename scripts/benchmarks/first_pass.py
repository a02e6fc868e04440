"""Diagnose a batch of programs that nobody has tuned the doctor for, each with its bug and repaired.

The programs of a batch are in `tests/doctor/first_pass/<batch>/`; `causes.json` beside them lists the causes that count
as right for each program. A batch is measured once before anything is changed, and that result is recorded in
docs/doctor.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

BATCHES = Path(__file__).resolve().parents[2] / "tests" / "doctor" / "first_pass"
COLUMNS = ("rules", "referenced", "findings", "experiments")


def diagnose(program: Path, variant: str, minutes: float, folder: Path) -> dict[str, Any] | None:
    """The report about one variant of a program; None if there is none.

    Args:
        program: the script.
        variant: `bad` or `good`.
        minutes: the time for references and experiments.
        folder: where the report is kept.
    """
    report = folder / f"{program.stem}-{variant}.json"
    report.unlink(missing_ok=True)
    words = ["-m", "exprun", "diagnose", "--prove-minutes", str(minutes), "--json", str(report), str(program), variant]
    with open(folder / f"{program.stem}-{variant}.log", "w") as log:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, *words], stdout=log, stderr=log, cwd=folder, env=environment, check=False)
    if not report.exists():
        return None
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def serious(report: dict[str, Any] | None, column: str) -> list[str]:
    """The causes of severity warning or error, in the order of the report.

    Args:
        report: the report about one variant.
        column: which findings: of the rules alone, with references, with experiments, or of experiments alone.
    """
    causes: list[str] = []
    for fit in [] if report is None else report["fits"]:
        if column == "experiments":
            causes += (fit["evidence"] or {}).get("alone", [])
        else:
            causes += [one["cause"] for one in fit[column] if one["severity"] != "note"]
    return list(dict.fromkeys(causes))


def grade(found: list[str], right: list[str]) -> str:
    """Whether a right cause comes first, second, later (`named`) or not at all (`wrong`, or `missed` in silence)."""
    places = [number for number, cause in enumerate(found) if cause in right]
    if not places:
        return "wrong" if found else "missed"
    return ("first", "second")[places[0]] if places[0] < 2 else "named"


def main() -> None:
    """Diagnose all programs of a batch and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("batch", help="the name of the batch's folder")
    parser.add_argument("programs", nargs="*", help="only these programs")
    parser.add_argument("--minutes", type=float, default=2.0, help="time for references and experiments (default: 2)")
    parser.add_argument("--keep", type=Path, help="folder in which reports and logs are kept")
    args = parser.parse_intermixed_args()
    batch = BATCHES / args.batch
    causes: dict[str, list[str]] = json.loads((batch / "causes.json").read_text(encoding="utf-8"))
    grades: dict[str, Counter[str]] = {column: Counter() for column in COLUMNS}
    alarms: dict[str, int] = dict.fromkeys(COLUMNS, 0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) if args.keep is None else args.keep.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in args.programs or sorted(causes):
            bad, good = (diagnose(batch / f"{name}.py", one, args.minutes, folder) for one in ("bad", "good"))
            row = []
            for column in COLUMNS:
                result = "failed" if bad is None or good is None else grade(serious(bad, column), causes[name])
                grades[column][result] += 1
                alarm = serious(good, column)
                alarms[column] += bool(alarm)
                row.append(f"{result}{' ALARM' if alarm else ''}")
            shown = f"{', '.join(serious(bad, 'findings')[:3]):60} good: {', '.join(serious(good, 'findings')[:3])}"
            print(f"{name:24} {' '.join(f'{cell:14}' for cell in row)} {shown}", flush=True)
    for column in COLUMNS:
        total = sum(grades[column].values())
        print(f"{column:12} {dict(grades[column])} of {total}; false alarms: {alarms[column]}")


if __name__ == "__main__":
    main()
