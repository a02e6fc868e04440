"""Run the five cases of docs/cases.md with all their seeds, and write the tables of the page."""

import argparse
import datetime
import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charts import draw_all
from definitions import CASES, DEFAULT, FULL, SEEDS, Case, Row, overrides_of
from exprun.metrics import BATCH_LOSS
from tables import KEY, ROOT, RUNS, keep, records_of, write_tables

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Options:
    """The options of the command line that a run depends on.

    Args:
        size: `default` or `full`.
        cifar10: the folder of CIFAR-10, or None for Keras' cache.
        again: whether runs that have a record are run again.
    """

    size: str
    cifar10: str | None
    again: bool


@dataclass(frozen=True)
class Measured:
    """The outcome of a run.

    Args:
        metrics: the metrics by name; None for a metric that the run did not measure.
        reason: the reason why the run ended early, or an empty string.
        device: the device of the run, or an empty string if it is unknown.
        precision: the precision of the run.
    """

    metrics: dict[str, Any]
    reason: str = ""
    device: str = ""
    precision: str = ""


def run_folder(case: Case, row: Row, seed: int, options: Options) -> Path:
    """The folder of the run of a row with a seed."""
    return RUNS / options.size / case.preset / f"{row.name}-{seed}"


def run(case: Case, row: Row, seed: int, options: Options) -> bool:
    """Run a row with one seed and record it; returns False if it could not be measured."""
    folder = run_folder(case, row, seed, options)
    note = folder.with_suffix(".json")
    if options.again:
        shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)
    print(f"\n== {case.preset} {row.name}, seed {seed}", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    origin = origin_of(note)
    measured = run_keras(seed, folder, options) if row.role == "peer" else run_exprun(case, row, seed, folder, options)
    if measured is None:
        print(f"{case.preset} {row.name}, seed {seed}, could not be measured.", file=sys.stderr)
        return False
    key = dict(zip(KEY, (options.size, case.preset, row.name, seed), strict=True))
    made = {"device": measured.device, "precision": measured.precision, "reason": measured.reason}
    overrides = overrides_of(case, row, options.size)
    keep({**key, "overrides": overrides, **origin, **made, "metrics": measured.metrics})
    return True


def run_keras(seed: int, folder: Path, options: Options) -> Measured | None:
    """Train the plain Keras network in a separate process; returns None if that fails."""
    command = [sys.executable, str(HERE / "plain_keras.py"), str(seed), options.cifar10 or "", str(folder)]
    if wait_for(command) != 0:
        return None
    return Measured(json.loads((folder / "keras.json").read_text()), precision="float32")


def run_exprun(case: Case, row: Row, seed: int, folder: Path, options: Options) -> Measured | None:
    """Train a row in a separate process; returns None if it, or the run whose weights it needs, has no result."""
    words = [*overrides_of(case, row, options.size), f"seed={seed}", f"run_dir={folder}", "trainer.resume=true"]
    words += ["progress=plain", "trainer.log_every=1", f"tracking.experiment={case.preset}"]
    if case.cifar and options.cifar10:
        words.append(f"data.root={options.cifar10}")
    if row.weights:
        source = next(r for r in case.rows if r.name == row.weights)
        source_folder = run_folder(case, source, seed, options)
        if not (source_folder / "checkpoints" / "best.npz").exists() and not run(case, source, seed, options):
            return None
        words.append(f"model.weights={source_folder}")
    code = wait_for([sys.executable, "-m", "exprun", *words])
    if code not in (0, 1) or not (folder / "result.json").exists() or not (folder / "metrics.jsonl").exists():
        return None
    reason, metrics = metrics_of(folder, case.zeros)
    return Measured(metrics, reason if code else "", *device_of(folder))


def wait_for(command: list[str]) -> int:
    """Run a command to its end and return its exit code.

    Ctrl-C reaches the command too: this process waits until the command has ended cleanly, and then ends.
    """
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        sys.exit(process.wait() or 130)
    if code in (130, 143):
        sys.exit(code)
    return code


def origin_of(note: Path) -> dict[str, str]:
    """The commits at which a run was trained, and the day on which it started.

    Args:
        note: the file next to the run folder that holds both; the current commit is added to it.
    """
    if note.exists():
        origin: dict[str, str] = json.loads(note.read_text())
    else:
        origin = {"commit": "", "date": datetime.date.today().isoformat()}
    if commit() not in origin["commit"].split():
        origin["commit"] = f"{origin['commit']} {commit()}".strip()
        note.write_text(json.dumps(origin))
    return origin


def commit() -> str:
    """The current commit, followed by a + if files of src or conf differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False).stdout

    changed = git("status", "--porcelain", "--", "src", "conf").strip()
    return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")


def metrics_of(folder: Path, layers: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The reason why a run ended early, and its metrics; None for a metric that the run did not measure.

    Args:
        folder: the run folder.
        layers: the layers whose share of zero outputs is measured.
    """
    result = json.loads((folder / "result.json").read_text())
    metrics: dict[str, Any] = {key: value for key, value in result["metrics"].items() if key != "time/seconds"}
    first = json.loads((folder / "metrics.jsonl").read_text().split("\n", 1)[0])
    metrics["first/loss"] = first["metrics"][BATCH_LOSS]
    metrics["epochs_to_95"] = next((r["epoch"] for r in result["history"] if r["val/accuracy"] >= 0.95), None)
    if (folder / "confusion.json").exists():
        metrics["classes"] = len(json.loads((folder / "confusion.json").read_text())["classes"])
    if "train/evaluated_accuracy" in metrics:
        steps = [metrics[f"{part}accuracy"] for part in ("train/", "train/inference_", "train/evaluated_", "val/")]
        names = ("gap/inference", "gap/preprocessing", "gap/unseen")
        metrics |= {name: later - before for name, before, later in zip(names, steps, steps[1:], strict=False)}
    for layer in layers if result["status"] == "FINISHED" else ():
        words = [sys.executable, str(HERE / "zero_outputs.py"), str(folder), layer]
        output = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        metrics[f"zeros/{layer}"] = float(output.split()[-1])
    finite = {key: round(v, 6) if v is not None and math.isfinite(v) else None for key, v in metrics.items()}
    return result["reason"], finite


def device_of(folder: Path) -> tuple[str, str]:
    """The device and the precision of a run, from its log."""
    line = re.search(r"steps (?:per|in an) epoch, (\w+) on (.+)", (folder / "run.log").read_text())
    return (line[2], line[1]) if line else ("", "")


def command_line() -> argparse.Namespace:
    """The checked arguments, with `cases` and `rows` as lists and `seeds` as numbers."""
    cases = [case.preset for case in CASES]
    parser = argparse.ArgumentParser(prog="scripts/reproduce", description="Run the cases and write docs/cases.md.")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(cases)}; default: all")
    parser.add_argument("--full", action="store_true", help="run at the size of the questions, where that is larger")
    parser.add_argument("--rows", default="", help="run only these rows of the table, such as broken,repaired")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="the seeds; default: %(default)s")
    parser.add_argument("--cifar10", metavar="DIR", help="the folder of CIFAR-10, if not in Keras' cache")
    parser.add_argument("--again", action="store_true", help="also run rows that have been measured already")
    parser.add_argument("--tables", action="store_true", help="write the tables without running anything")
    parser.add_argument("--charts", action="store_true", help="draw the charts of the signal without training anything")
    args = parser.parse_args()
    if unknown := [name for name in args.cases if name not in cases]:
        parser.error(f"{unknown[0]} is not a case; the cases are {', '.join(cases)}")
    args.cases = [case for case in CASES if not args.cases or case.preset in args.cases]
    args.cases = [case for case in args.cases if case.full or not args.full]
    args.rows = [name for name in args.rows.split(",") if name]
    rows = [row.name for case in args.cases for row in case.rows]
    if unknown := [name for name in args.rows if name not in rows]:
        parser.error(f"{unknown[0]} is not a row; the rows are {', '.join(dict.fromkeys(rows))}")
    if not all(seed.isdigit() for seed in args.seeds.split(",")):
        parser.error(f"--seeds is {args.seeds}, but it must be whole numbers, such as 0,1,2")
    args.seeds = [int(seed) for seed in args.seeds.split(",")]
    if args.cifar10 and not Path(args.cifar10).exists():
        parser.error(f"--cifar10 {args.cifar10} does not exist")
    return args


def main() -> int:
    """Run the requested rows that have not been measured; returns 1 if a row could not be measured."""
    args = command_line()
    if args.tables:
        write_tables()
        return 0
    if args.charts:
        draw_all([case.preset for case in args.cases])
        return 0
    options = Options(FULL if args.full else DEFAULT, args.cifar10, args.again)
    missed = 0
    for case in args.cases:
        for seed in args.seeds:
            for row in case.rows:
                measured = any(r["seed"] == seed for r in records_of(case, row, options.size))
                if (not args.rows or row.name in args.rows) and (options.again or not measured):
                    missed += not run(case, row, seed, options)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
