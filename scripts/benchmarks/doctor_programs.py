"""Train the programs of `tests/doctor/programs/` with the doctor as a callback, each with its bug and repaired.

Every program runs in a process of its own. The exit code is 1 if a right cause comes first in fewer than 92 % of the
programs with their bug, or if the doctor warns about more than 1 in 20 of the repaired ones.
"""

import argparse
import importlib
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
PROGRAMS = TESTS / "doctor" / "programs"


def diagnose(name: str) -> tuple[list[str], list[str], list[str]]:
    """The causes that count as right for a program, and the warnings and errors about it, with its bug and repaired.

    Args:
        name: the name of the program.
    """
    from exprun.doctor import Doctor

    program, found = importlib.import_module(f"doctor.programs.{name}"), []
    for repaired in (False, True):
        doctor = Doctor(report=lambda text: None)
        program.run([doctor], repaired=repaired)
        found.append([finding.cause for finding in doctor.findings if finding.severity != "note"])
    return list(program.CAUSES), found[0], found[1]


def main() -> int:
    """Run the programs and print a line for each; returns 1 if a limit is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench doctor_programs", description=__doc__)
    known = sorted(path.stem for path in PROGRAMS.glob("*.py"))
    parser.add_argument("programs", nargs="*", help="only these programs")
    parser.add_argument("--workers", type=int, default=1, help="the number of programs at a time (default: 1)")
    args = parser.parse_args()
    if unknown := set(args.programs) - set(known):
        parser.error(f"there is no program {', '.join(sorted(unknown))} in tests/doctor/programs")
    names, first, alarms = args.programs or known, 0, 0
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(TESTS))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras", "tensorflow", "exprun.doctor"])  # each program is spared the imports
    started = time.monotonic()
    with ProcessPoolExecutor(args.workers, mp_context=context, max_tasks_per_child=1) as pool:
        for name, (causes, buggy, repaired) in zip(names, pool.map(diagnose, names), strict=True):
            right = bool(buggy) and buggy[0] in causes
            first, alarms = first + right, alarms + bool(repaired)
            row = f"{', '.join(buggy[:3]) or 'nothing':50} {'ALARM ' + ', '.join(repaired) if repaired else ''}"
            print(f"{name:26} {'first' if right else 'WRONG':6} {row}".rstrip(), flush=True)
    share = first / len(names)
    print(f"right cause first: {first} of {len(names)} ({share:.1%}); false alarms: {alarms}", end=" ")
    print(f"({time.monotonic() - started:.0f} s)")
    return 0 if share >= 0.92 and alarms <= len(names) / 20 else 1


if __name__ == "__main__":
    sys.exit(main())
