"""Measure how good the learning rates are that `rate` suggests.

Each configuration, a healthy preset or a repaired case in a short form, is trained briefly with each learning rate of a
grid, nine over four decades, and with the learning rate that `rate` suggests, each time with the same seeds: three, or
one for large networks. A learning rate is as good as its final validation accuracy, the mean of its seeds, and among
equal accuracies as its validation loss, the median of its seeds: the order in which a run selects its weights. The
suggestion is in the best third if it is at least as good as the third best of the grid. The order by loss alone is
printed too. The rule was chosen on some configurations, and is judged on the others.

All measurements are kept in a file, so that an interrupted benchmark goes on. The first seed of each comes first.
"""

import argparse
import json
import math
import sys
import time
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np

from exprun import Session
from exprun.assembly import assemble
from exprun.config.compose import Composer
from exprun.config.schema import Config
from exprun.range_test.measure import batches, measure, span
from exprun.range_test.suggestion import Chance, Curve, Trial, decided, judge
from exprun.schedule import rate_at
from exprun.text import plural
from exprun.trainer.evaluation import Evaluator

GRID = 9  # learning rates, from a ten-thousandth of the highest to the highest, each √10 times the one before
LIMIT = 0.9  # share of the configurations in which the suggestion is in the best third
SMALL = "data.size=16 trainer.batch_size=16"
PLAIN = f"{SMALL} norm=none"
CIFAR = "data=cifar10 data.limit=1500"
# The configurations: steps of a training, seeds, and overrides. The rule was chosen on the first list and is judged on
# the second.
CHOSEN_ON = (
    (80, 3, f"model=cnn {SMALL}"),
    (80, 3, f"model=cnn optim=rmsprop {SMALL}"),
    (80, 3, f"model=cnn optim=lion {SMALL}"),
    (80, 3, f"model=cnn optim=adam {PLAIN}"),
    (80, 3, f"model=cnn optim=muon {SMALL}"),
    (80, 3, f"model=cnn optim=adagrad {SMALL}"),
    (80, 3, f"model=cnn optim=adam {CIFAR} {SMALL}"),
    (50, 3, f"model=resnet20 {SMALL}"),
    (50, 3, f"model=resnet20 optim=nesterov {CIFAR} {SMALL}"),
)
JUDGED_ON = (
    (80, 3, f"model=cnn optim=adam {SMALL}"),
    (80, 3, f"model=cnn optim=adamw {SMALL}"),
    (80, 3, f"model=cnn optim=nesterov {SMALL}"),
    (80, 3, f"model=cnn {PLAIN}"),
    (80, 3, f"model=cnn optim=sgd {SMALL}"),
    (80, 3, f"model=cnn optim=nadam {SMALL}"),
    (80, 3, f"model=cnn optim=muon_nesterov {SMALL}"),
    (80, 3, f"model=cnn {CIFAR} {SMALL}"),
    (50, 3, f"model=resnet20 optim=adamw {SMALL}"),
    (50, 3, f"model=resnet20 optim=rmsprop {CIFAR} {SMALL}"),
    (60, 3, f"experiment=cnn_he data=digits {SMALL}"),
    (60, 3, f"experiment=dead_relu init=he_normal input=standardize {CIFAR} trainer.batch_size=16"),
    # These have been measured only after the rule was final.
    (60, 3, f"experiment=flat_validation fault=none trainer.gap=false model=flat_answer {CIFAR} trainer.batch_size=16"),
    (60, 3, f"experiment=tf_cifar10 {CIFAR} trainer.batch_size=16"),
    (40, 3, f"experiment=cifar10_fast {CIFAR} trainer.batch_size=50 norm.momentum=0.6 trainer.tta=none"),
    (50, 3, "experiment=palm_vein fault=none data.size=32 data.people=10 norm=batch augment=none "
         "trainer.batch_size=16"),
    (50, 3, "model=matconvnet data.size=28 data.channels=1 input=center init=gaussian_matconvnet "
         "optim=sgd_momentum_matconvnet norm=none trainer.batch_size=16"),
    # In so few steps, moving averages with the usual momentum of 0.9 lag behind, and evaluations would measure the lag.
    (40, 3, f"model=resnet18 optim=lion {SMALL} norm.momentum=0.6"),
    (40, 1, "model=vgg11 trainer.batch_size=16 norm.momentum=0.6"),
    (100, 1, "model=alexnet data.size=67 norm=none trainer.batch_size=16"),
    (40, 1, "experiment=stuck_vgg16 data=digits norm=batch norm.momentum=0.6 trainer.batch_size=16"),
    (40, 1, "model=vgg16 norm=batch norm.momentum=0.6 optim=sgd_momentum trainer.batch_size=16"),
)  # fmt: skip
THIRD = 3  # of the nine learning rates
SESSION = Session()
QUIET = ["tracking=none", "doctor=none", "progress=quiet", "trainer.checkpoint=false"]


def main() -> int:
    """Measure what is missing, and print the tables; returns 1 if the share of good suggestions misses its limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench rate_grid", description=__doc__)
    parser.add_argument(
        "--file", type=Path, default=Path("outputs/rate_grid.jsonl"), help="where measurements are kept"
    )
    parser.add_argument("--cifar10", metavar="DIR", help="folder of CIFAR-10 (default: Keras' cache)")
    args = parser.parse_args()
    args.file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    rows = {row["overrides"]: row for row in known}
    for turn in range(max(seeds for _, seeds, _ in JUDGED_ON)):
        for steps, seeds, overrides in CHOSEN_ON + JUDGED_ON:
            if turn >= seeds:
                continue
            started = time.perf_counter()
            config = _config(overrides, args.cifar10)
            row = rows[overrides] = rows.get(overrides) or _tested(overrides, config)
            if not _train(row, config, steps, turn + 1):
                continue
            with open(args.file, "a") as file:  # the last line of a configuration counts
                file.write(json.dumps(row) + "\n")
            print(f"{time.perf_counter() - started:.0f} s  seed {turn}  {overrides}", flush=True)
    for name, configurations in (("rule chosen on", CHOSEN_ON), ("judged on", JUDGED_ON)):
        share = _table(name, [rows[overrides] for _, _, overrides in configurations])
    return 0 if share >= LIMIT else 1


def _train(row: dict[str, Any], config: Config, steps: int, seeds: int) -> bool:
    """Train with each learning rate of the grid, and with the suggestion, as far as seeds are missing.

    Args:
        row: the measurements of the configuration, to which the trainings are added.
        config: the config.
        steps: the steps of a training.
        seeds: the number of seeds that each learning rate shall have.

    Returns:
        Whether a seed was missing.
    """
    top = span(config)[1] / 10
    row["grid"] = [float(f"{rate:.3g}") for rate in np.geomspace(top * 1e-4, top, GRID)]
    take, trained, missing = _suggestion(row), row.setdefault("trained", {}), False
    for rate in [*row["grid"], *([] if take is None else [take])]:  # the suggestion changes with the rule
        results = trained.setdefault(f"{rate:g}", [])
        for seed in range(len(results), seeds):
            results.append(_trained(replace(config, seed=config.seed + 100 + seed), SESSION, rate, steps))
            missing = True
    return missing


def _table(name: str, rows: list[dict[str, Any]]) -> float:
    """Print how good the suggestions are for some configurations; returns the share of those in the best third."""
    print(f"\n{name} {plural(len(rows), 'configuration')}\n")
    print("| configuration | seeds | best of the grid | suggestion | accuracy, % | third best, % | loss | third best |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    good = low = 0
    for row in rows:
        found = {rate: _summary(row, rate) for rate in row["grid"]}
        order = sorted(row["grid"], key=found.__getitem__)
        losses = sorted(loss for _, loss in found.values())
        take = _suggestion(row)
        lost, loss = (0.0, math.inf) if take is None else _summary(row, take)
        good += (lost, loss) <= found[order[THIRD - 1]]
        low += loss <= losses[THIRD - 1]
        cells = [str(len(row["trained"][f"{order[0]:g}"])), f"{order[0]:.2g}", "none" if take is None else f"{take:g}"]
        cells += [f"{100 * abs(lost):.1f}", f"{-100 * found[order[THIRD - 1]][0]:.1f}"]
        cells += [f"{loss:.3f}", f"{losses[THIRD - 1]:.3f}"]
        print(f"| `{row['overrides']}` | {' | '.join(cells)} |")
    print(f"\n{good} of {len(rows)} suggestions are in the best third, and {low} by loss alone")
    return good / len(rows)


def _summary(row: dict[str, Any], rate: float) -> tuple[float, float]:
    """The order of a learning rate: its negative mean accuracy, and its median loss; less is better."""
    losses, accuracies = zip(*row["trained"][f"{rate:g}"], strict=True)
    return -round(float(np.mean(accuracies)), 9), float(np.median(losses))  # rounded, as sums in another order differ


def _suggestion(row: dict[str, Any]) -> float | None:
    """The learning rate that the rule takes from the curves of a configuration; None if it does not learn."""
    curves = [
        Curve(seed, np.array(rates), np.array(losses), np.array(accuracies), end)
        for seed, rates, losses, accuracies, end in row["curves"]
    ]
    found = decided(judge(curves, Chance(*row["chance"])), [Trial(*trial) for trial in row["trials"]])
    return None if found is None else found.take


def _config(overrides: str, cifar10: str | None) -> Config:
    """The config of a configuration."""
    words = overrides.split()
    root = [f"data.root={cifar10}"] if cifar10 and "data=cifar10" in words else []
    return Composer().config([*words, *root, *QUIET])


def _tested(overrides: str, config: Config) -> dict[str, Any]:
    """The curves of the range test of a configuration."""
    test = measure(config, SESSION)
    return {
        "overrides": overrides,
        "chance": astuple(test.chance),
        "trials": [astuple(trial) for trial in test.trials],
        "curves": [[c.seed, c.rates.tolist(), c.losses.tolist(), c.accuracies.tolist(), c.ended] for c in test.curves],
    }


def _trained(config: Config, session: Session, rate: float, steps: int) -> tuple[float, float]:
    """The final validation loss and accuracy of a training; the loss is infinite if it failed."""
    config = replace(config, optim=replace(config.optim, learning_rate=rate))
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
    step.averages.swap()
    means = evaluator.measure(val)
    step.averages.swap()
    return means.loss if math.isfinite(means.loss) else math.inf, means.accuracy


if __name__ == "__main__":
    sys.exit(main())
