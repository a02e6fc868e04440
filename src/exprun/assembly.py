"""From a config and its images to a network with a compiled step, for whoever trains it or looks at it."""

import contextlib
import random
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from exprun import backend
from exprun.config.schema import Config
from exprun.data import Dataset
from exprun.fault import inject, injected, injected_evaluation, losses_of
from exprun.input import Scaling, fit

if TYPE_CHECKING:
    from exprun.runner import Session
    from exprun.trainer.step import Step


@dataclass(frozen=True)
class Assembly:
    """What is trained.

    Args:
        config: of the run, as a bug that was put in makes it.
        step: the network with its compiled training and evaluation.
        scaling: of training images.
        loaded: names of the layers that `model.weights` filled.
    """

    config: Config
    step: "Step"
    scaling: Scaling
    loaded: list[str]


def assemble(config: Config, dataset: Dataset, scaling: Scaling, session: "Session") -> Assembly:
    """Build a network and its step, or take the step of an earlier run of the same structure.

    Args:
        config: of the run, as its author meant it.
        dataset: its images.
        scaling: of the pixels, as its author meant it.
        session: keeps compiled steps.
    """
    _prepare_process(config)

    from exprun.model import build
    from exprun.optim import make_optimizer
    from exprun.trainer import device as devices
    from exprun.trainer.step import Preprocessing, Step, structure

    trained = injected(config)
    used = scaling if trained.input == config.input else fit(trained.input, dataset.train)
    preprocessing = Preprocessing(used, injected_evaluation(config, used))
    device = devices.choose(config.trainer)
    shape, weights = used.shape(dataset.image_shape), dataset.class_weights
    key = structure(trained, shape, len(dataset.classes), preprocessing, device, weights)
    session.keep_step(key)
    _begin(config.seed, device.precision, anew=key not in session.steps)
    with device.strategy.scope() if device.strategy else contextlib.nullcontext():
        images = partial(_network_inputs, dataset, used)
        built = build(trained, shape, len(dataset.classes), images)
        built.model = inject(config, built.model, scaling)
        scaled = device.precision == "mixed_float16"
        optimizer = make_optimizer(config.optim, built.model, built.rates, scaled, device.replicas)
        make = partial(Step, trained, built.model, optimizer, preprocessing, losses_of(config), device, weights)
        step = session.step(key, make)
        if step.model is not built.model:
            step.restart(trained, built.model, optimizer)
    return Assembly(trained, step, used, built.loaded)


def _prepare_process(config: Config) -> None:
    """Import TensorFlow, and set what it sets once a process."""
    backend.load(config.trainer.deterministic)
    import tensorflow as tf
    from tensorflow.python.framework.config import disable_op_determinism

    from exprun.trainer.device import set_threads

    set_threads(config.trainer)

    if config.trainer.deterministic:
        tf.config.experimental.enable_op_determinism()
    else:
        disable_op_determinism()  # an earlier run of this process may have switched it on


def _begin(seed: int, precision: str, anew: bool) -> None:
    """Give Keras the names, seed and precision of a run, as in a process of its own.

    Args:
        seed: of what is random in Keras.
        precision: name of the dtype policy.
        anew: whether another step is to be compiled; else the kernels of the one before are kept, which both
            `clear_session` and `set_random_seed` throw away: to make them again takes longer than many a step.
    """
    import keras
    from keras.src.backend.common import global_state
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    if anew:
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
    else:  # nothing that such a step draws comes from TensorFlow's own seed
        global_state.GLOBAL_STATE_TRACKER = threading.local()
        global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
        random.seed(seed)
        np.random.seed(seed)
    keras.mixed_precision.set_dtype_policy(precision)


def _network_inputs(dataset: Dataset, scaling: Scaling) -> np.ndarray:
    """Up to 5,000 training images as the network takes them, float32, (images, height, width, channels)."""
    train = dataset.train
    rows = train.rows[np.linspace(0, len(train) - 1, min(len(train), 5000)).astype(int)]  # of all classes
    pixels = train.images[rows].astype(np.float32)
    return np.asarray(scaling(scaling.cropped(pixels)))
