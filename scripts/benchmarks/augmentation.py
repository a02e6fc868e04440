"""Measure what augmentation costs, next to a tf.data pipeline with the layers of Keras.

The small CNN trains on noise of 32×32 pixels, in batches of 128, in float32, with each augmentation and without any, in
turn. On the other side, the same network trains with Keras' `fit`, and the layers of Keras change the images in
`map(…, num_parallel_calls=AUTOTUNE)`: one by one, or for MixUp and CutMix, in batches. The medians of the images per
second of processor time, summed over all cores, are printed as a table, and the processor time that it takes to prepare
a batch without training.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from arguments import repeats
from speed_data import noise_arrays

BATCH, STEPS = 128, 8  # images in a step, and steps that are timed at once
Side = tuple[Callable[[], object], Callable[[], object]]  # takes the steps, and only prepares their batches
AUGMENTATIONS = ("none", "random_erasing", "mixup", "cutmix", "trivialaugment", "randaugment")


def exprun_side(name: str, words: list[str]) -> Side:
    """The functions of exprun."""
    import tensorflow as tf

    from exprun import Session
    from exprun.assembly import assemble
    from exprun.config.compose import Composer

    config = Composer().config([*words, f"augment={name}"])
    assembly = assemble(config, Session())
    train = assembly.dataset.train
    images, labels = tf.constant(train.images[train.rows]), tf.constant(train.row_labels.astype(np.int32))
    order = np.arange(BATCH * STEPS, dtype=np.int32).reshape(STEPS, BATCH)
    rates = np.full(STEPS, 0.01, np.float32)
    inputs = tf.function(lambda index, step: assembly.step.batch_inputs(images, index, step))

    def prepare() -> None:
        for number, index in enumerate(order):
            inputs(tf.constant(index), tf.constant(number)).numpy()

    return lambda: assembly.step.train(images, labels, order, rates, 0), prepare


def keras_side(name: str, words: list[str]) -> Side | None:
    """The functions of Keras; None if Keras has no such layer."""
    import keras
    import tensorflow as tf

    from exprun import Session
    from exprun.assembly import assemble
    from exprun.config.compose import Composer

    layers = keras.layers
    layer: Any = {
        "none": lambda: layers.Identity(),
        "random_erasing": lambda: layers.RandomErasing((0.5, 0.5)),
        "mixup": lambda: layers.MixUp(1.0),
        "cutmix": lambda: layers.CutMix((1.0, 1.0)),
        "randaugment": lambda: layers.RandAugment(num_ops=2, factor=0.9),
    }.get(name)
    if layer is None:
        return None
    change = layer()
    assembly = assemble(Composer().config([*words, "augment=none"]), Session())
    train, model, scaling = assembly.dataset.train, assembly.step.model, assembly.step.preprocessing.train
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    one_hot = np.eye(10, dtype=np.float32)[train.row_labels]
    data = tf.data.Dataset.from_tensor_slices((train.images[train.rows], one_hot))
    data = data.take(BATCH * STEPS).map(lambda x, y: (tf.cast(x, tf.float32), y))

    def mixed(images: Any, labels: Any) -> tuple[Any, Any]:
        found = change({"images": images, "labels": labels}, training=True)
        return found["images"], found["labels"]

    if name in ("mixup", "cutmix"):
        data = data.batch(BATCH, drop_remainder=True).map(mixed, num_parallel_calls=tf.data.AUTOTUNE)
    else:
        data = data.map(lambda x, y: (change(x, training=True), y), num_parallel_calls=tf.data.AUTOTUNE)
        data = data.batch(BATCH, drop_remainder=True)
    data = data.map(lambda x, y: (scaling(x), y)).prefetch(tf.data.AUTOTUNE)
    return lambda: model.fit(data, epochs=1, verbose=0), lambda: [None for _ in data]


def _seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def _cells(measured: list[list[float]] | None) -> str:
    """The medians of the images per second in training, and of the milliseconds that it takes to prepare a batch."""
    if measured is None:
        return "– | –"
    training, preparing = (statistics.median(values) for values in zip(*measured, strict=True))
    return f"{BATCH * STEPS / training:,.0f} | {1000 * preparing / STEPS:,.1f}"


def main() -> int:
    """Measure and print the speeds."""
    turns = repeats("augmentation", __doc__, "turns")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from exprun import backend

    backend.load(False)
    with tempfile.TemporaryDirectory() as folder:
        words = ["model=cnn", *noise_arrays(Path(folder), 32, BATCH * STEPS), f"trainer.batch_size={BATCH}"]
        words += ["trainer.precision=float32"]
        made = [
            (n, s, f(n, words)) for n in AUGMENTATIONS for s, f in (("exprun", exprun_side), ("tf.data", keras_side))
        ]
        sides = {(name, side): functions for name, side, functions in made if functions is not None}
        seconds: dict[tuple[str, str], list[list[float]]] = {key: [] for key in sides}
        for turn in range(turns + 1):
            for key, functions in sides.items():
                measured = [_seconds(function) for function in functions]
                if turn:  # the first calls compile
                    seconds[key].append(measured)
    print("| `augment` | exprun, images/s | ms for a batch | tf.data, images/s | ms for a batch |")
    print("| --- | --- | --- | --- | --- |")
    for name in AUGMENTATIONS:
        cells = [_cells(seconds.get((name, side))) for side in ("exprun", "tf.data")]
        print(f"| `{name}` | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
