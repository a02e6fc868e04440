"""Train the network of the answer in case `flat_validation` in plain Keras, in float32, as the answer has it.

Usage: plain_keras.py SEED ROOT FOLDER. ROOT is the folder of CIFAR-10, empty for Keras' cache. The metrics of the last
epoch are written to FOLDER/keras.json.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from exprun.config.compose import Composer
from exprun.config.errors import UserError
from exprun.data import load

NAMES = {"train/accuracy": "accuracy", "train/loss": "loss", "val/accuracy": "val_accuracy", "val/loss": "val_loss"}


def train(seed: int, root: str) -> dict[str, float]:
    """Train the network; returns the metrics of the last epoch.

    Args:
        seed: the seed of Keras.
        root: the folder of CIFAR-10, or an empty string for Keras' cache.
    """
    data = Composer().config(["experiment=flat_validation", *([f"data.root={root}"] if root else [])]).data
    try:
        dataset = load(data)
    except UserError as error:
        sys.exit(f"scripts/reproduce: {error}")
    (x_train, y_train), (x_test, y_test) = (
        (split.images[split.rows].astype(np.float32) / 255, split.row_labels) for split in (dataset.train, dataset.val)
    )
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Conv2D(64, 3, activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(),
        layers.Conv2D(256, 2, activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(1024, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, 500, 5, verbose=2, validation_data=(x_test, y_test)).history
    return {metric: history[name][-1] for metric, name in NAMES.items()}


if __name__ == "__main__":
    metrics = train(int(sys.argv[1]), sys.argv[2])
    folder = Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keras.json").write_text(json.dumps(metrics))
