"""Decide which runs can share one compiled step: those whose steps have the same structure."""

import json
from dataclasses import asdict

import numpy as np

from exprun import augment as augmentation
from exprun.config.applications import IMAGENET
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
    """Everything that the graphs of a step depend on, as text; runs with the same text can share a compiled step.

    The text does not contain the arguments and variables of the graphs (the seed, learning rates, strengths of
    augmentation, initial weights), nor settings outside the graphs, such as the length of the run.

    Args:
        config: the config of the run.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.
        preprocessing: the crop and the scaling of the pixels.
        device: the devices that the step runs on.
        class_weights: the weight of each class in the loss, (classes,), or None.

    Returns:
        The text, or None if the step cannot be shared.
    """
    model = config.model
    # The code of a builder and the folder of a preset may change between two runs. So may the network of a teacher, and
    # a file of weights, which decides which layers are loaded and so have the learning-rate multiplier
    # `model.fine_tune_rate`. Keras' ImageNet weights are those of all layers before the head.
    weights = None if model.weights == IMAGENET else model.weights
    own = (model.builder, model.preset, weights, model.teacher, device.strategy)
    if any(part is not None for part in own):
        return None
    settings = {name: asdict(getattr(config, name)) for name in ("model", "norm", "optim", "adversary", "fault")}
    del settings["optim"]["learning_rate"]
    trainer = ("batch_size", "accumulate", "metrics", "tta", "ema", "deterministic", "overfit_batch")
    settings["loss"] = {"name": config.loss.name, "labels": config.data.labels}
    settings["trainer"] = {name: getattr(config.trainer, name) for name in trainer}
    settings["trainer"]["swa"] = config.trainer.swa_start is not None
    settings["schedule"] = {"sizes": config.schedule.sizes}
    settings["device"] = {"precision": device.precision, "jit": device.jit}
    # A whitened kernel is not trained: its learning-rate multiplier is 0.
    whitened = part_for(config.init, "first").name == "whiten"
    data = [shape, classes, class_weights, asdict(preprocessing), sorted(augmentation_strengths(config)), whitened]
    return json.dumps([settings, data], default=np.ndarray.tolist)


def augmentation_strengths(config: Config) -> dict[str, float]:
    """The strength of each augmentation that is on, by name; empty with `trainer.overfit_batch`."""
    return {} if config.trainer.overfit_batch else augmentation.strengths(config.augment)
