"""Measure how good the learning rates are that `rate` suggests.

Each configuration, a healthy preset or a repaired case in a short form, is trained briefly with each learning rate of a
grid, nine over four decades, and with the learning rate that `rate` suggests. The suggestion is good if its final
validation loss is at most that of the third best of the grid, so that it is in the best third. The rule was chosen on
half of the configurations, and is judged on the others.

All measurements are kept in a file, so that an interrupted benchmark goes on.
"""

import argparse
import json
import math
import sys
import time
from dataclasses import astuple, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from exprun import Session
from exprun.assembly import assemble
from exprun.config.compose import Composer
from exprun.config.schema import Config
from exprun.range_test.measure import batches, measure, span
from exprun.range_test.suggestion import Chance, Curve, judge
from exprun.schedule import rate_at
from exprun.text import plural
from exprun.trainer.evaluation import Evaluator

GRID = 9  # learning rates, from a ten-thousandth of the highest to the highest, each √10 times the one before
LIMIT = 0.9  # share of the configurations in which the suggestion is in the best third
SMALL = "data.size=16 trainer.batch_size=16"
PLAIN = f"{SMALL} norm=none"
CIFAR = "data=cifar10 data.limit=1500"
# The configurations: steps of a training, and overrides. The rule was chosen on the first list and is judged on the
# second.
CHOSEN_ON = (
    (80, f"model=cnn {SMALL}"),
    (80, f"model=cnn optim=rmsprop {SMALL}"),
    (80, f"model=cnn optim=lion {SMALL}"),
    (80, f"model=cnn optim=adam {PLAIN}"),
    (80, f"model=cnn optim=muon {SMALL}"),
    (80, f"model=cnn optim=adagrad {SMALL}"),
    (80, f"model=cnn optim=adam {CIFAR} {SMALL}"),
    (50, f"model=resnet20 {SMALL}"),
    (50, f"model=resnet20 optim=nesterov {CIFAR} {SMALL}"),
    (30, "model=vgg11 trainer.batch_size=16"),
    (30, "model=alexnet data.size=67 norm=none trainer.batch_size=16"),
    (20, "experiment=stuck_vgg16 data=digits norm=batch trainer.batch_size=16"),
    (60, f"experiment=tf_cifar10 {CIFAR} trainer.batch_size=16"),
    (50, "experiment=palm_vein fault=none data.size=32 data.people=10 norm=batch augment=none "
         "trainer.batch_size=16"),
    (50, "model=matconvnet data.size=28 data.channels=1 input=center init=gaussian_matconvnet "
         "optim=sgd_momentum_matconvnet norm=none trainer.batch_size=16"),
)  # fmt: skip
JUDGED_ON = (
    (80, f"model=cnn optim=adam {SMALL}"),
    (80, f"model=cnn optim=adamw {SMALL}"),
    (80, f"model=cnn optim=nesterov {SMALL}"),
    (80, f"model=cnn {PLAIN}"),
    (80, f"model=cnn optim=sgd {SMALL}"),
    (80, f"model=cnn optim=nadam {SMALL}"),
    (80, f"model=cnn optim=muon_nesterov {SMALL}"),
    (80, f"model=cnn {CIFAR} {SMALL}"),
    (50, f"model=resnet20 optim=adamw {SMALL}"),
    (50, f"model=resnet20 optim=rmsprop {CIFAR} {SMALL}"),
    (20, f"model=resnet18 optim=lion {SMALL}"),
    (20, "model=vgg16 norm=batch optim=sgd_momentum trainer.batch_size=16"),
    (60, f"experiment=cnn_he data=digits {SMALL}"),
    (60, f"experiment=dead_relu init=he_normal input=standardize {CIFAR} trainer.batch_size=16"),
    (60, f"experiment=flat_validation fault=none trainer.gap=false model=flat_answer {CIFAR} trainer.batch_size=16"),
    (40, f"experiment=cifar10_fast {CIFAR} trainer.batch_size=50 norm.momentum=0.6 trainer.tta=none"),
)
THIRD = 3  # of the nine learning rates
SESSION = Session()
QUIET = ["tracking=none", "doctor=none", "progress=quiet", "trainer.checkpoint=false"]


def main() -> int:
    """Measure what is missing, and print the table; returns 1 if the share of good suggestions misses its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench rate_grid", description=__doc__)
    parser.add_argument(
        "--file", type=Path, default=Path("outputs/rate_grid.jsonl"), help="where measurements are kept"
    )
    parser.add_argument("--cifar10", metavar="DIR", help="folder of CIFAR-10 (default: Keras' cache)")
    args = parser.parse_args()
    args.file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    rows = {row["overrides"]: row for row in known}
    pairs = zip_longest(CHOSEN_ON, JUDGED_ON)
    for steps, overrides in (one for pair in pairs for one in pair if one is not None):
        row = rows.get(overrides) or _measured(overrides, steps, args.cifar10)
        take = _suggestion(row)
        if take is not None and row.get("suggestion", [None])[0] != take:  # also if the rule has changed
            row["suggestion"] = [take, *_trained(_config(overrides, args.cifar10), SESSION, take, steps)]
        elif overrides in rows:
            continue
        rows[overrides] = row
        with open(args.file, "a") as file:  # the last line of a configuration counts
            file.write(json.dumps(row) + "\n")
        print(f"{row['seconds']:.0f} s  {overrides}", flush=True)
    for name, configurations in (("rule chosen on", CHOSEN_ON), ("judged on", JUDGED_ON)):
        share = _table(name, [rows[overrides] for _, overrides in configurations])
    return 0 if share >= LIMIT else 1


def _table(name: str, rows: list[dict[str, Any]]) -> float:
    """Print how good the suggestions are for some configurations; returns the share of those in the best third."""
    print(f"\n{name} {plural(len(rows), 'configuration')}\n")
    print("| configuration | best of the grid | suggestion | loss | third best | accuracy, % | third best, % |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    good = accurate = 0
    for row in rows:
        best = min(row["grid"], key=lambda one: one[1])[0]
        third = sorted(one[1] for one in row["grid"])[THIRD - 1]
        third_accuracy = sorted((one[2] for one in row["grid"]), reverse=True)[THIRD - 1]
        take, loss, accuracy = row.get("suggestion", [None, math.inf, 0.0])
        good += loss <= third
        accurate += accuracy >= third_accuracy
        cells = [f"{best:.2g}", "none" if take is None else f"{take:g}", f"{loss:.3f}", f"{third:.3f}"]
        cells += [f"{100 * accuracy:.1f}", f"{100 * third_accuracy:.1f}"]
        print(f"| `{row['overrides']}` | {' | '.join(cells)} |")
    print(f"\n{good} of {len(rows)} suggestions are in the best third by loss, and {accurate} by accuracy")
    return good / len(rows)


def _suggestion(row: dict[str, Any]) -> float | None:
    """The learning rate that the rule takes from the curves of a configuration; None if it does not learn."""
    curves = [
        Curve(seed, np.array(rates), np.array(losses), np.array(accuracies), end)
        for seed, rates, losses, accuracies, end in row["curves"]
    ]
    found = judge(curves, Chance(*row["chance"]))
    return None if found is None else found.take


def _config(overrides: str, cifar10: str | None) -> Config:
    """The config of a configuration."""
    words = overrides.split()
    root = [f"data.root={cifar10}"] if cifar10 and "data=cifar10" in words else []
    return Composer().config([*words, *root, *QUIET])


def _measured(overrides: str, steps: int, cifar10: str | None) -> dict[str, Any]:
    """The curves of the range test, and the validation loss and accuracy of each learning rate of the grid."""
    config, session, started = _config(overrides, cifar10), SESSION, time.perf_counter()
    test = measure(config, session)
    top = span(config)[1] / 10
    grid = [float(f"{rate:.3g}") for rate in np.geomspace(top * 1e-4, top, GRID)]
    return {
        "overrides": overrides,
        "configured": test.configured,
        "chance": astuple(test.chance),
        "curves": [[c.seed, c.rates.tolist(), c.losses.tolist(), c.accuracies.tolist(), c.ended] for c in test.curves],
        "test_seconds": test.seconds,
        "steps": steps,
        "grid": [[rate, *_trained(config, session, rate, steps)] for rate in grid],
        "seconds": time.perf_counter() - started,
    }


def _trained(config: Config, session: Session, rate: float, steps: int) -> tuple[float, float]:
    """The final validation loss and accuracy of a training; the loss is infinite if it failed."""
    config = replace(config, optim=replace(config.optim, learning_rate=rate), seed=config.seed + 100)
    assembly = assemble(config, session)
    step, evaluator = assembly.step, Evaluator(assembly.config, assembly.step)
    feed, val = evaluator.feed(assembly.dataset.train), evaluator.feed(assembly.dataset.val)
    per_epoch, done = len(feed) // config.trainer.batch_size, 0
    for order, mirrored in batches(config, len(feed), steps):
        for images, labels, indices in feed.chunks(order, lambda: steps):
            rates = rate_at(config.schedule, rate, np.arange(done, done + len(indices)), per_epoch, steps)
            if not step.train(images, labels, indices, rates, done, mirrored).finite:
                return math.inf, 0.0
            done += len(indices)
    step.swap_averages()
    means = evaluator.measure(val)
    step.swap_averages()
    return means.loss if math.isfinite(means.loss) else math.inf, means.accuracy


if __name__ == "__main__":
    sys.exit(main())
