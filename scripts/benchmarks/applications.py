"""Compare the networks of `model=application` with keras.applications, train each for one step, and export it.

For each network, with images of the smallest size that it takes and ten classes: whether it has as many parameters as
Keras' own with its head; how far its logits are from Keras' at equal weights, for raw pictures, each with its own
preprocessing, as a share of the largest logit; whether a run of one step finishes; and how far exported files are from
it, as in `scripts/bench formats`. Prints the table of docs/models.md. Fails if a network differs.

Each network has a process of its own, one after the other, so that the memory of the largest suffices.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from exprun import backend, run
from exprun.config.applications import APPLICATIONS
from exprun.config.compose import Composer
from exprun.data import Split
from exprun.input import fit
from formats import row

CLASSES, IMAGES = 10, 20
FORMATS = [(form, "float32") for form in ("keras", "savedmodel", "tflite", "onnx")]
HEADINGS = ("Network", "Parameters", "Difference from Keras", "One step", *(form for form, _ in FORMATS))
CLOSE = 1e-3  # largest difference of the logits, as a share of the largest logit
# The settings with which the head is that of Keras, where it is not a classifier after average pooling.
HEADS = {
    "VGG": ["model.pooling=flatten", "model.hidden=[4096,4096]"],
    "MobileNetV3Small": ["model.hidden=[1024]"],
    "MobileNetV3Large": ["model.hidden=[1280]"],
}


def compared(name: str, words: list[str], images: np.ndarray) -> tuple[int, int, float]:
    """The parameters of exprun's and of Keras' network, and the difference of their logits at equal weights."""
    import keras

    from exprun.model import build

    keras.utils.clear_session()
    shape, config = images.shape[1:], Composer().config(words)
    ours = build(config, shape, CLASSES).model
    make = getattr(keras.applications, name)
    theirs = make(weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None)
    generator = np.random.default_rng(0)
    for variable, other in zip(ours.weights, theirs.weights, strict=True):
        if len(variable.shape) == 1 and variable.trainable | variable.path.endswith(("moving_mean", "moving_variance")):
            variable.assign(variable + generator.uniform(0.0, 0.2, variable.shape))  # no norm and no bias is neutral
        other.assign(np.reshape(variable, other.shape))  # some heads of Keras are of convolutions of 1×1
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # takes the mean and the deviation that were assigned
    pixels = images.astype(np.float32)
    scaled = fit(config.input, Split(images, np.zeros(len(images), np.int32), np.arange(len(images))))(pixels)
    preprocess: Any = importlib.import_module(make.__module__).preprocess_input
    found, wanted = np.asarray(ours(scaled)), np.asarray(theirs(preprocess(pixels.copy())))
    return ours.count_params(), theirs.count_params(), float(np.abs(found - wanted).max() / np.abs(wanted).max())


def steps(words: list[str], images: np.ndarray, folder: Path) -> bool:
    """Whether a run of one step finishes with a finite loss."""
    np.savez(folder / "images.npz", x_train=images, y_train=np.arange(len(images)) % CLASSES)
    quiet = ["tracking=none", "doctor=none", "pictures=false", "progress=quiet", "trainer.checkpoint=false"]
    given = ["data=arrays", f"data.root={folder / 'images.npz'}", "data.val_fraction=0.5", "data.test_fraction=0"]
    short = ["trainer.epochs=1", "trainer.batch_size=2", "trainer.max_steps=1", f"run_dir={folder / 'run'}"]
    result = run([*words, *given, *short, *quiet])
    return result.status == "FINISHED" and bool(np.isfinite(result.metrics["train/loss"]))


def measure(name: str) -> bool:
    """Print the row of a network; returns whether it is as Keras' own, trains and is exported."""
    backend.load()
    side = APPLICATIONS[name].smallest
    head = next((words for start, words in HEADS.items() if name.startswith(start)), [])
    chosen = ["model=application", f"model.application={name}", *head]
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, side, side, 3), np.uint8)
    ours, theirs, difference = compared(name, chosen, images[:4])
    with tempfile.TemporaryDirectory() as folder:
        stepped = steps(chosen, images, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        (_, *cells), agree = row(name, Path(folder), FORMATS)
    count = f"{ours / 1e6:.1f} million" + ("" if ours == theirs else f", Keras: {theirs:,}")
    distance = f"{difference:.0e}" if difference else "0"
    print(f"| {' | '.join([name, count, distance, 'done' if stepped else 'failed', *cells])} |", flush=True)
    return ours == theirs and difference <= CLOSE and stepped and agree


def main() -> None:
    """Print the table, one row for each network as it is measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench applications", description=__doc__)
    parser.add_argument("networks", nargs="*", help="networks of keras.applications (default: all, the smallest first)")
    parser.add_argument("--alone", action="store_true", help="measure the one network in this process")
    args = parser.parse_args()
    if unknown := sorted(set(args.networks) - set(APPLICATIONS)):
        parser.error(f"{', '.join(unknown)} is not known; there are {', '.join(APPLICATIONS)}")
    if args.alone:
        raise SystemExit(not all(map(measure, args.networks)))
    print(f"| {' | '.join(HEADINGS)} |\n| {'--- | ' * len(HEADINGS)}".rstrip(), flush=True)
    by_size = sorted(APPLICATIONS, key=lambda name: APPLICATIONS[name].weights)
    failed = []
    for name in args.networks or by_size:
        done = subprocess.run(
            [sys.executable, __file__, name, "--alone"], stdout=subprocess.PIPE, text=True, check=False
        )
        print(done.stdout.strip() or f"| {name} | failed with exit code {done.returncode} |", flush=True)
        failed += [name] if done.returncode else []
    if failed:
        raise SystemExit(f"Not as Keras' own, not trained or not exported: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
