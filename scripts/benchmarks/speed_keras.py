"""Keras with another backend, a side of `scripts/bench speed --peers`: `fit` on float32 arrays.

Usage: speed_keras.py FOLDER jax|torch. The folder holds data.npz, config.json and the network, model.keras. The script
runs in a virtual environment that has Keras but not exprun, and answers the commands `epoch` and `end` as
speed_sides.py does.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = sys.argv[2]

import keras
import numpy as np

from speed_process import answer_commands


class Last(keras.callbacks.Callback):
    """The time of the end of the last batch, as for the Keras side of speed_sides.py."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Remember the time."""
        self.at = time.perf_counter()


def main() -> None:
    """Load the network, compile the step, and then train for each command."""
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    with np.load(folder / "data.npz") as file:
        images = (file["images"] * file["scale"] + file["offset"]).astype(np.float32)
        labels = file["labels"].astype(np.int32)
    batch, optim = config["trainer"]["batch_size"], config["optim"]
    model: Any = keras.saving.load_model(folder / "model.keras", compile=False)
    rule: Any = (
        keras.optimizers.Adam(optim["learning_rate"])
        if optim["name"] == "adam"
        else keras.optimizers.SGD(optim["learning_rate"], momentum=optim.get("momentum") or 0.0)
    )
    model.compile(rule, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])

    def answer(steps: int) -> dict[str, Any]:
        count, last, started = steps * batch, Last(), time.perf_counter()
        model.fit(images[:count], labels[:count], batch_size=batch, epochs=1, verbose=0, callbacks=[last])
        return {"seconds": last.at - started, "images": count}

    answer_commands(answer, len(images) // batch)


if __name__ == "__main__":
    main()
