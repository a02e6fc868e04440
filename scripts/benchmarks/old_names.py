#!/usr/bin/env python3
"""Run a benchmark by its old name. scripts/bench_start, bench_cli and bench_doctor are links to this file."""

import os
import sys
from pathlib import Path

NAMES = {"bench_start": "start", "bench_cli": "cli", "bench_doctor": "doctor_cost"}

if __name__ == "__main__":
    bench = Path(__file__).resolve().parents[1] / "bench"
    os.execv(bench, [str(bench), NAMES[Path(sys.argv[0]).name], *sys.argv[1:]])
