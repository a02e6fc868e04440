"""Which cause the doctor names for which fault, and how often it cries wolf. `scripts/doctor_bench` starts it."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.compose import Composer
from exprun.config.errors import UserError
from exprun.runner import run
from exprun.session import Session

# The causes that count as right where a fault was put in: fixed before the first run of this bench.
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
    "model=cnn trainer.label_smoothing=0.1 trainer.epochs=5",
    "model=cnn trainer.ema=0.99 trainer.epochs=5",
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
    """Digits of which one class is nine times as frequent as the other."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    chosen = np.concatenate([np.flatnonzero(labels != 3), np.flatnonzero(labels == 3)])
    pixels = (images[chosen] * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1)
    np.savez(path, x_train=pixels, y_train=(labels[chosen] == 3).astype(np.int64))
    return path


class Bench:
    """Runs of one process, and what was found in each.

    Args:
        cifar10: where CIFAR-10 lies; None leaves it to Keras' cache.
    """

    def __init__(self, cifar10: str | None) -> None:
        self.cifar10 = cifar10
        self.session, self.composer = Session(), Composer()
        self.folder = Path(tempfile.mkdtemp(prefix="doctor-bench-"))
        self.count, self.first = 0, ""
        self.rare = write_rare(self.folder / "rare.npz")

    def causes(self, words: list[str]) -> tuple[list[str], dict[str, float]]:
        """The causes of severity warning or above that a run ends with, in order; and its figures."""
        self.count += 1
        place = self.folder / str(self.count)
        words = [word.replace("FIRST", self.first).replace("RARE", str(self.rare)) for word in words]
        if self.cifar10 and self.composer.config(words).data.name == "cifar10":
            words.append(f"data.root={self.cifar10}")
        words += ["tracking=none", "progress=quiet", f"run_dir={place}"]
        config = self.composer.config(list({word.split("=", 1)[0]: word for word in words}.values()))
        before = os.dup(1)
        with open(os.devnull, "w") as silent:
            sys.stdout.flush()
            os.dup2(silent.fileno(), 1)
            try:
                figures = run(config, self.session).metrics
            finally:
                sys.stdout.flush()
                os.dup2(before, 1)
                os.close(before)
        self.first = self.first or str(place)
        found = place / "findings.json"
        rows = json.loads(found.read_text()) if found.exists() else []
        return [row["cause"] for row in rows if row["severity"] != "note"], figures


def faults(bench: Bench, chosen: list[str]) -> tuple[int, int, int]:
    """Every fault in every network on every set: runs, right first, right among the first two."""
    total = first = second = 0
    table: Counter[tuple[str, str]] = Counter()
    for fault in chosen:
        for data_name, data in DATA.items():
            for model_name, model in MODELS.items():
                words = f"{model} {data} {SHORT} fault={fault}".split()
                started = time.perf_counter()
                causes, _ = bench.causes(words)
                total += 1
                first += bool(causes) and causes[0] in RIGHT[fault]
                second += bool(RIGHT[fault].intersection(causes[:2]))
                table[fault, causes[0] if causes else "nothing"] += 1
                seconds = time.perf_counter() - started
                named = " ".join(causes[:3])
                print(f"{fault:22} {model_name:11} {data_name:14} {named:50} {seconds:.0f} s", flush=True)
    print("\nfault injected          cause named first        runs")
    for (fault, cause), count in sorted(table.items()):
        print(f"{fault:22}  {cause:24} {count}")
    return total, first, second


def healthy(bench: Bench) -> tuple[int, int]:
    """Runs that learn: how many, and in how many the doctor warned all the same."""
    alarms = 0
    for line in HEALTHY:
        started = time.perf_counter()
        causes, figures = bench.causes(line.split())
        alarms += bool(causes)
        accuracy = figures.get("val/best_accuracy", float("nan"))
        seconds = time.perf_counter() - started
        said = f"ALARM {' '.join(causes)}" if causes else "quiet"
        print(f"{said:30} {accuracy:6.1%} {seconds:4.0f} s  {line}", flush=True)
    return len(HEALTHY), alarms


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/doctor_bench", description="Which causes the doctor names.")
    parser.add_argument("--faults", default=",".join(RIGHT), help="some of them: wrong_loss,frozen_layers")
    parser.add_argument("--healthy", action="store_true", help="the healthy runs alone")
    parser.add_argument("--cifar10", help="where CIFAR-10 lies, if not in Keras' cache")
    args: Any = parser.parse_args()
    chosen = args.faults.split(",")
    if unknown := set(chosen) - set(RIGHT):
        parser.error(f"--faults knows {', '.join(RIGHT)}, not {', '.join(sorted(unknown))}")
    bench = Bench(args.cifar10)
    held = True
    try:
        if not args.healthy:
            total, first, second = faults(bench, chosen)
            print(f"\nright cause first: {first} of {total} ({first / total:.1%}); among two: {second / total:.1%}")
            held = first >= 0.95 * total and second >= 0.99 * total
        if args.healthy or args.faults == parser.get_default("faults"):
            runs, alarms = healthy(bench)
            print(f"\nfalse alarms: {alarms} in {runs} healthy runs")
            held = held and alarms <= 1
    except UserError as error:
        print(f"scripts/doctor_bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
