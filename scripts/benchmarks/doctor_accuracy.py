"""Measure which cause the doctor names for each injected fault, and how often it warns about a healthy run.

The exit code is 1 if the right cause is named first in fewer than 95 % of the faulty runs or among the first two in
fewer than 99 %, or if the doctor warns about more than one healthy run.
"""

import argparse
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from exprun import Session, run
from exprun.config.compose import Composer
from exprun.config.errors import UserError

# The causes that count as right for each injected fault, fixed before the first run of this benchmark.
RIGHT = {
    "bypass_preprocessing": {"bypassed-layers"},
    "unscaled_eval": {"unscaled-evaluation"},
    "shuffled_labels": {"shuffled-labels"},
    "softmax_twice": {"softmax-twice"},
    "frozen_layers": {"frozen-layers"},
    "wrong_loss": {"wrong-loss"},
    "missing_activation": {"missing-nonlinearity"},
}
MODELS = {
    "cnn": "model=cnn",
    "vgg11": "model=vgg11",
    "resnet20": "model=resnet20",
    "flat_answer": "model=flat_answer norm=none init=he_normal_conv input=unit optim=adam",
    "tf_cifar10": "model=tf_cifar10 norm=none init=tf_cifar10 input=per_image optim=sgd_tf_cifar10",
}
DATA = {
    "digits": "data=digits",
    "fashion_mnist": "data=fashion_mnist data.size=32 data.channels=3 data.limit=1200",
    "cifar10": "data=cifar10 data.limit=1200",
}
SHORT = "trainer.batch_size=32 trainer.max_steps=20 trainer.epochs=1"
SMALL = "data.limit=3000 trainer.epochs=3"
HEALTHY = (
    "experiment=smoke",
    "model=cnn trainer.epochs=6",
    "model=cnn trainer.epochs=6 seed=1",
    "model=cnn trainer.batch_size=8 trainer.epochs=2",
    "model=cnn trainer.batch_size=4 trainer.epochs=1 optim.learning_rate=0.001",
    "model=cnn norm=none optim=adam trainer.epochs=6",
    "model=cnn norm=none init=glorot_uniform optim=adam trainer.epochs=6",
    "model=cnn norm=group trainer.epochs=5",
    "model=cnn norm=layer optim=rmsprop trainer.epochs=5",
    "model=cnn norm=instance optim=adamw trainer.epochs=5",
    "model=cnn optim=nadam trainer.epochs=4",
    "model=cnn optim=lion trainer.epochs=4",
    "model=cnn optim=muon_nesterov trainer.epochs=4",
    "model=cnn schedule=one_cycle trainer.epochs=5",
    "model=cnn schedule=inverse_time trainer.epochs=5",
    "model=cnn schedule=step trainer.epochs=5",
    "model=cnn data.channels=1 trainer.epochs=5",
    "model=cnn data.classes=[3,8] trainer.epochs=8",
    "model=cnn data.classes=[0,1,2] trainer.epochs=8",
    "model=cnn augment=affine trainer.epochs=6",
    "model=cnn augment=flip_crop trainer.epochs=6",
    "model=cnn loss=label_smoothing trainer.epochs=5",
    "model=cnn trainer.ema=0.99 trainer.epochs=5",
    "model=cnn trainer.swa_start=3 trainer.epochs=6",
    "model=cnn adversary=fgsm trainer.epochs=4",
    "model=cnn model.activation=tanh init=glorot_uniform trainer.epochs=5",
    "model=cnn model.activation=gelu trainer.epochs=5",
    "model=cnn optim.weight_decay=0.0005 trainer.epochs=5",
    "model=cnn input=raw trainer.epochs=5",
    "model=cnn input=unit norm=batch trainer.epochs=5",
    "model.layers=[{conv:32},{pool:max},{conv:64},{pool:max},flatten,{dense:256,dropout:0.5},{dense:256,dropout:0.6}] "
    "norm=none optim=adam trainer.epochs=8",
    "model=resnet20 trainer.epochs=4",
    "model=vgg11 trainer.epochs=3",
    "model=tf_cifar10 norm=none init=tf_cifar10 input=per_image optim=sgd_tf_cifar10 trainer.epochs=5",
    f"model=cnn data=fashion_mnist {SMALL}",
    "model=cnn data=arrays data.root=RARE data.class_weights=balanced trainer.epochs=8",
    f"model=resnet20 data=fashion_mnist data.size=32 {SMALL}",
    "model=resnet20 data=fashion_mnist data.size=32 data.limit=3000 trainer.epochs=4 schedule.sizes=[0.75,1]",
    f"model=cnn data=cifar10 {SMALL}",
    f"experiment=cifar10_resnet20 schedule=cosine {SMALL}",
    f"experiment=flat_validation fault=none trainer.gap=false trainer.batch_size=100 {SMALL}",
    f"experiment=dead_relu init=he_normal input=standardize {SMALL}",
    f"experiment=tf_cifar10 {SMALL}",
    "model=cnn data=palm_vein data.people=160 data.images_per_person=10 data.size=32 trainer.epochs=8",
    "model=cnn model.weights=FIRST model.freeze=[conv*] data.split_seed=1 trainer.epochs=4",
    "model=cnn model.weights=FIRST model.fine_tune_rate=0.1 trainer.epochs=4",
)


def write_rare(path: Path) -> Path:
    """Write a data set of digits in two classes, one nine times as frequent as the other; returns its path.

    Args:
        path: the path of the file to write.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    chosen = np.concatenate([np.flatnonzero(labels != 3), np.flatnonzero(labels == 3)])
    pixels = (images[chosen] * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1)
    np.savez(path, x_train=pixels, y_train=(labels[chosen] == 3).astype(np.int64))
    return path


@contextmanager
def silent_output() -> Iterator[None]:
    """Send standard output to the null device, the output of native libraries included."""
    sys.stdout.flush()
    original = os.dup(1)
    with open(os.devnull, "w") as silent:
        os.dup2(silent.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(original, 1)
        os.close(original)


class Bench:
    """Trains runs in one process and reads the doctor's findings.

    Args:
        cifar10: the folder of CIFAR-10; None for Keras' cache.
    """

    def __init__(self, cifar10: str | None) -> None:
        self.cifar10 = cifar10
        self.session, self.composer = Session(), Composer()
        self.folder = Path(tempfile.mkdtemp(prefix="doctor-accuracy-"))
        self.count, self.first = 0, ""  # the number of runs so far, and the folder of the first one
        self.rare = write_rare(self.folder / "rare.npz")

    def run(self, words: list[str]) -> tuple[list[str], dict[str, float]]:
        """Train a run.

        Args:
            words: the overrides; FIRST stands for the folder of the first run, RARE for the file of `write_rare`.

        Returns:
            The causes of all warnings and errors, in order, and the final metrics.
        """
        self.count += 1
        run_dir = self.folder / str(self.count)
        words = [word.replace("FIRST", self.first).replace("RARE", str(self.rare)) for word in words]
        if self.cifar10 and self.composer.config(words).data.name == "cifar10":
            words.append(f"data.root={self.cifar10}")
        words += ["tracking=none", "progress=quiet", "pictures=false", f"run_dir={run_dir}"]
        config = self.composer.config(list({word.split("=", 1)[0]: word for word in words}.values()))
        with silent_output():
            metrics = run(config, self.session).metrics
        self.first = self.first or str(run_dir)
        path = run_dir / "findings.json"
        findings = json.loads(path.read_text()) if path.exists() else []
        return [finding["cause"] for finding in findings if finding["severity"] != "note"], metrics


def count_right_causes(bench: Bench, faults: list[str]) -> tuple[int, int, int]:
    """Run every fault in every network on every data set, and print a table.

    Args:
        bench: the bench that trains the runs.
        faults: the faults to inject.

    Returns:
        The number of runs, the number with a right cause first, and the number with one among the first two.
    """
    total = first = second = 0
    table: Counter[tuple[str, str]] = Counter()
    for fault, (data_name, data), (model_name, model) in itertools.product(faults, DATA.items(), MODELS.items()):
        started = time.perf_counter()
        causes, _ = bench.run(f"{model} {data} {SHORT} fault={fault}".split())
        seconds = time.perf_counter() - started
        total += 1
        first += bool(causes) and causes[0] in RIGHT[fault]
        second += bool(RIGHT[fault].intersection(causes[:2]))
        table[fault, causes[0] if causes else "nothing"] += 1
        named = " ".join(causes[:3])
        print(f"{fault:22} {model_name:11} {data_name:14} {named:50} {seconds:.0f} s", flush=True)
    print("\nfault injected          cause named first        runs")
    for (fault, cause), count in sorted(table.items()):
        print(f"{fault:22}  {cause:24} {count}")
    return total, first, second


def count_false_alarms(bench: Bench) -> int:
    """Train the healthy runs; returns the number of runs about which the doctor warns.

    Args:
        bench: the bench that trains the runs.
    """
    alarms = 0
    for line in HEALTHY:
        started = time.perf_counter()
        causes, metrics = bench.run(line.split())
        seconds = time.perf_counter() - started
        alarms += bool(causes)
        accuracy = metrics.get("val/best_accuracy", float("nan"))
        verdict = f"ALARM {' '.join(causes)}" if causes else "quiet"
        print(f"{verdict:30} {accuracy:6.1%} {seconds:4.0f} s  {line}", flush=True)
    return alarms


def main() -> int:
    """Run the parts that the command line chooses; returns 1 if a limit is missed."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench doctor_accuracy",
        description="Measure which causes the doctor names for injected faults, and how often it gives false alarms.",
    )
    parser.add_argument("--faults", default=",".join(RIGHT), help="inject only these faults, such as wrong_loss")
    parser.add_argument("--healthy", action="store_true", help="train only the healthy runs")
    parser.add_argument("--cifar10", metavar="DIR", help="the folder of CIFAR-10, if not in Keras' cache")
    args: Any = parser.parse_args()
    faults = args.faults.split(",")
    if unknown := set(faults) - set(RIGHT):
        parser.error(f"--faults has {', '.join(sorted(unknown))}, but the faults are {', '.join(RIGHT)}")
    bench = Bench(args.cifar10)
    held = True
    try:
        if not args.healthy:
            total, first, second = count_right_causes(bench, faults)
            print(f"\nright cause first: {first} of {total} ({first / total:.1%}); among two: {second / total:.1%}")
            held = first >= 0.95 * total and second >= 0.99 * total
        if args.healthy or args.faults == parser.get_default("faults"):
            alarms = count_false_alarms(bench)
            print(f"\nfalse alarms: {alarms} in {len(HEALTHY)} healthy runs")
            held = held and alarms <= 1
    except UserError as error:
        print(f"scripts/bench doctor_accuracy: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
