"""Which runs can share one compiled step: those whose steps have the same structure."""

import json
from dataclasses import asdict

import numpy as np

from exprun import augment as augmentation
from exprun.config.schema import Config
from exprun.init import part_for
from exprun.input import Preprocessing
from exprun.trainer.device import Device


def structure(
    config: Config,
    shape: tuple[int, int, int],
    classes: int,
    preprocessing: Preprocessing,
    device: Device,
    class_weights: np.ndarray | None,
) -> str | None:
    """Everything that the graphs of a step depend on, as text; runs that agree in it can share a compiled step.

    Left out is what is an argument or a variable of the graphs, or no part of them: the seed, learning rates, strengths
    of augmentation, initial weights and the length of the run.

    Args:
        config: config of the run.
        shape: height, width and channels that the network takes.
        classes: the number of logits.
        preprocessing: scaling of the pixels.
        device: device that the step runs on.
        class_weights: (classes,), or None.

    Returns:
        None if the structure cannot be known, so that the step cannot be shared.
    """
    model = config.model
    # The code of a builder may change between two runs, and so may a file of weights, which decides whose learning
    # rates are multiplied.
    if model.builder is not None or model.weights is not None or device.strategy is not None:
        return None
    found = {name: asdict(getattr(config, name)) for name in ("model", "norm", "optim", "adversary", "fault")}
    del found["optim"]["learning_rate"]
    trainer = ("batch_size", "metrics", "tta", "ema", "deterministic", "overfit_batch")
    found["trainer"] = {name: getattr(config.trainer, name) for name in trainer}
    found["device"] = {"precision": device.precision, "jit": device.jit}
    whitened = part_for(config.init, "first").name == "whiten"  # such a kernel is not trained: its multiplier is 0
    data = [shape, classes, class_weights, asdict(preprocessing), sorted(augmentation_strengths(config)), whitened]
    return json.dumps([found, data], default=np.ndarray.tolist)


def augmentation_strengths(config: Config) -> dict[str, float]:
    """The strength of each random change of the training images; none with `trainer.overfit_batch`."""
    return {} if config.trainer.overfit_batch else augmentation.strengths(config.augment)
