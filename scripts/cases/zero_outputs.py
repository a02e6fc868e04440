"""Print the fraction of a layer's outputs that are zero, for 1,000 validation images and the last weights of a run.

Usage: zero_outputs.py RUN_DIR LAYER
"""

import sys
from pathlib import Path

import keras
import numpy as np
import yaml

from exprun.config.compose import typed
from exprun.data import load
from exprun.fault import injected
from exprun.input import fit
from exprun.model import build
from exprun.model.weights import load_weights


def zero_outputs(run_dir: Path, layer: str) -> float:
    """The fraction of a layer's outputs that are zero.

    Args:
        run_dir: the run folder.
        layer: the name of the layer.
    """
    config = typed(yaml.safe_load((run_dir / "config.yaml").read_text()))
    dataset, trained = load(config.data), injected(config)
    scaling = fit(trained.input, dataset.train)
    model = build(trained, scaling.shape(dataset.image_shape), len(dataset.classes)).model
    load_weights(model, run_dir / "checkpoints" / "last.npz")
    images = dataset.val.images[dataset.val.rows[:1000]].astype(np.float32)
    outputs = keras.Model(model.inputs[0], model.get_layer(layer).output)(scaling(scaling.cropped(images)))
    return float(np.mean(np.asarray(outputs) == 0))


if __name__ == "__main__":
    print(zero_outputs(Path(sys.argv[1]), sys.argv[2]))
