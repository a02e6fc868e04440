"""Assemble the parts of a run from its config: images, scaling, network and compiled step.

`run`, `check` and `export` get their network here. No other module injects the fault of a config.
"""

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun import backend, classification, fault
from exprun.config.errors import ConfigError, DataError, RunError
from exprun.config.model_checks import check_shape
from exprun.config.schema import Config
from exprun.config.weights import find_teacher
from exprun.data import Dataset
from exprun.data.stream import sample
from exprun.input import Preprocessing, Scaling, fit
from exprun.loss import class_weights, make_loss
from exprun.metrics import measured
from exprun.network_interface import Interface
from exprun.run_folder import RunFolder
from exprun.session import Session
from exprun.text import listed

if TYPE_CHECKING:
    import tensorflow as tf

    from exprun.model.build import Built
    from exprun.trainer.step import Step


@dataclass(frozen=True)
class Assembly:
    """The parts of a run, after its fault is injected.

    Args:
        config: the config of the run, after the fault is injected.
        dataset: the images and their splits.
        scaling: the scaling of training images.
        step: the compiled training and evaluation, with the network.
        loaded: the names of the layers whose weights come from `model.weights`.
    """

    config: Config
    dataset: Dataset
    scaling: Scaling
    step: "Step"
    loaded: list[str]


@dataclass(frozen=True)
class Prepared:
    """The images of a run as they enter the network, after its fault is injected.

    Args:
        config: the config of the run, after the fault is injected.
        dataset: the images and their splits.
        preprocessing: the crop and the scaling in training and in evaluation.
        intended: the scaling in training, before the fault is injected.
    """

    config: Config
    dataset: Dataset
    preprocessing: Preprocessing
    intended: Scaling


def prepare(config: Config, session: Session) -> Prepared:
    """Load the images of a run and fit their scaling, without a network.

    Args:
        config: the config of the run, before its fault is injected.
        session: the session, which keeps the data set for the next run.

    Raises:
        DataError: the data is missing, damaged or does not fit the scaling.
    """
    dataset = fault.injected_dataset(config, session.dataset(config))
    trained = fault.injected(config)
    preset = config.model.preset
    intended = fit(config.input, dataset.train, preset)
    scaling = intended if trained.input == config.input else fit(trained.input, dataset.train, preset)
    return Prepared(trained, dataset, Preprocessing(scaling, fault.injected_evaluation(config, scaling)), intended)


def assemble(config: Config, session: Session) -> Assembly:
    """Load the images, fit their scaling, build the network and its step, or reuse the step of an earlier run.

    Args:
        config: the config of the run, before its fault is injected.
        session: the session, which keeps the data set and the compiled step for the next run.

    Raises:
        DataError: the data is missing, damaged or does not fit the network.
        RunError: the network cannot be built.
    """
    dataset = session.dataset(config)
    height, width, channels = dataset.image_shape
    try:
        check_shape(config, (height, width), channels)
    except ConfigError as error:  # the error depends on the image shape, which is not known before the data is read
        raise DataError(str(error)) from None
    select = config.trainer.select
    if reason := classification.undefined(measured(select), dataset.val.row_labels, len(dataset.classes)):
        raise DataError(f"trainer.select={select}, but {reason}; choose another, such as val/accuracy.")
    prepared = prepare(config, session)
    dataset, trained, preprocessing = prepared.dataset, prepared.config, prepared.preprocessing
    scaling, intended = preprocessing.train, prepared.intended

    _prepare_process(config)

    from exprun.optim import make_optimizer
    from exprun.trainer import device as devices
    from exprun.trainer import memory
    from exprun.trainer.step import Step
    from exprun.trainer.structure import structure

    device = devices.choose(config.trainer)
    shape = scaling.shape(dataset.image_shape)
    soft = dataset.train.shares is not None
    counts = dataset.train.targets.sum(axis=0) if soft else dataset.train.per_class(len(dataset.classes))
    weights = class_weights(config, counts, dataset.class_weights)
    # TensorFlow reports an error if the memory of a GPU is too small.
    left = None if device.gpu else memory.available()
    try:  # the shape and the device may not have been known before
        memory.check_network(trained, (height, width), channels, len(dataset.classes), left, batch=1)
    except ConfigError as error:
        raise RunError(str(error)) from None
    key = structure(trained, shape, len(dataset.classes), preprocessing, device, weights)
    key = None if fault.adds_layers(config) else key  # these layers depend on settings that `structure` leaves out
    session.evict_other_steps(key)
    teacher = _teacher(config, dataset, shape) if config.model.teacher else None
    _reset_keras(config.seed, device.precision, clear=key not in session.steps)
    with device.strategy.scope() if device.strategy else contextlib.nullcontext():
        built = _network(
            config, shape, len(dataset.classes), partial(_network_inputs, dataset, scaling), intended, left
        )
        scaled = device.precision == "mixed_float16"
        optimizer = make_optimizer(config.optim, built.model, built.multipliers, scaled, device.replicas)
        loss = make_loss(trained, fault.losses_of(config), weights)
        make = partial(Step, trained, built.model, optimizer, preprocessing, loss, device, teacher, built.stages)
        step = session.step(key, make)
        if step.model is not built.model:
            step.reuse_for(trained, built.model, optimizer)
    return Assembly(trained, dataset, scaling, step, built.loaded)


def network_in(folder: RunFolder, name: str, trust: bool = True) -> tuple[Any, Interface]:
    """The trained network of a run, from scaled pixels to logits, in float32, and its interface.

    Args:
        folder: the run folder.
        name: the name of the run for messages.
        trust: whether Python code that builds the network may be run.

    Raises:
        ConfigError: the config of the run cannot be read, or the code of its network has changed.
        RunError: the run has no checkpoint, its checkpoint does not fit, or its code may not be run.
    """
    interface = Interface.read(folder)
    weights = trained_weights(folder, name)
    config = folder.read_config()
    if config.model.builder is not None and not trust:
        raise RunError(f"{name} builds its network with Python code, which is not run for a teacher.")
    if config.model.builder is not None and folder.has_other_code(config.model.builder):
        raise ConfigError(
            f"{name} was trained with other code of {config.model.builder}: put that code back, or train it again."
        )
    # All weights come from the checkpoint, so pretrained weights need not be loaded.
    config = replace(config, model=replace(config.model, weights=None, freeze=[], fine_tune_rate=1.0, layer_decay=1.0))
    return trained_network(config, interface, weights), interface


def trained_weights(folder: RunFolder, name: str) -> Path:
    """The path of the checkpoint whose weights were best on the validation images.

    Args:
        folder: the run folder.
        name: the name of the run for messages.

    Raises:
        RunError: the run has no checkpoint.
    """
    weights = folder.checkpoint("best")
    if not weights.exists():
        raise RunError(f"{name} has no checkpoints/best.npz: it was trained with trainer.checkpoint=false.")
    return weights


def _teacher(config: Config, dataset: Dataset, shape: tuple[int, int, int]) -> "Callable[[tf.Tensor], tf.Tensor]":
    """The function from pixels of training, (batch, height, width, channels), to the logits of the teacher.

    Args:
        config: the config of the run that is taught.
        dataset: its images.
        shape: the height, width and channels of its input.

    Raises:
        DataError: the classes or the shape of the images are not those of the teacher.
        RunError: the network of the teacher is built by Python code.
    """
    import tensorflow as tf

    place = f"model.teacher={config.model.teacher}"
    model, interface = network_in(RunFolder(find_teacher(str(config.model.teacher))), place, trust=False)
    if interface.classes != dataset.classes:
        raise DataError(f"{place} has other classes than the images: {listed(interface.classes)}.")
    if interface.several:
        raise DataError(f"{place} finds several labels of an image, but a teacher must classify it.")
    if interface.scaling.shape(interface.image) != shape:
        wanted, given = ("×".join(map(str, one)) for one in (interface.scaling.shape(interface.image), shape))
        raise DataError(f"{place} takes images of {wanted}, and this network takes {given}.")

    def logits(pixels: tf.Tensor) -> tf.Tensor:
        return tf.stop_gradient(tf.cast(model(interface.scaling(pixels), training=False), tf.float32))

    return logits


def trained_network(config: Config, interface: Interface, weights: Path) -> Any:
    """The network of a run with the weights of a checkpoint, in float32, from scaled pixels to logits.

    Args:
        config: the config of the run.
        interface: the interface of the network.
        weights: the path of the checkpoint.

    Raises:
        RunError: the checkpoint does not fit the network.
    """
    backend.load()
    import keras

    from exprun.model.weights import load_weights

    keras.utils.clear_session()  # restarts the numbers of layers without names, which checkpoints refer to
    keras.mixed_precision.set_dtype_policy("float32")
    shape = interface.scaling.shape(interface.image)
    noise = lambda: np.random.default_rng(0).normal(size=(256, *shape)).astype(np.float32)  # noqa: E731
    model = _network(config, shape, len(interface.classes), noise, interface.scaling).model
    filled = load_weights(model, weights)
    if missing := [layer.name for layer in model.layers if layer.weights and layer.name not in filled]:
        raise RunError(f"{weights} has no weights for {', '.join(missing[:3])}.")
    return model


def _network(
    config: Config,
    shape: tuple[int, int, int],
    classes: int,
    images: Callable[[], np.ndarray],
    intended: Scaling,
    left: int | None = None,
) -> "Built":
    """Build the network, with the injected fault.

    Args:
        config: the config of the run, before its fault is injected.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.
        images: function that returns scaled training images, for initialisers that depend on them.
        intended: the scaling of the pixels, before the fault is injected.
        left: the memory in bytes that the weights may take, or None if it is not known.
    """
    from exprun.model import build

    built = build(fault.injected(config), shape, classes, images, left)
    built.model = fault.inject(config, built.model, intended)
    return built


def _prepare_process(config: Config) -> None:
    """Import TensorFlow and apply the settings that hold for the whole process: threads and determinism."""
    backend.load(config.trainer.deterministic)
    import tensorflow as tf
    from tensorflow.python.framework.config import disable_op_determinism

    from exprun.trainer.device import set_threads

    set_threads(config.trainer)

    if config.trainer.deterministic:
        tf.config.experimental.enable_op_determinism()
    else:
        disable_op_determinism()  # an earlier run in this process may have enabled it


def _reset_keras(seed: int, precision: str, clear: bool) -> None:
    """Reset Keras' names, seed and precision to those of a new process.

    Args:
        seed: the seed of all random numbers of Keras.
        precision: the name of the dtype policy.
        clear: whether a new step will be compiled. If not, the kernels of the compiled step are kept. `clear_session`
            and `set_random_seed` would discard them, and creating them again can take longer than a training step.
    """
    import keras
    from keras.src.backend.common import global_state
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    if clear:
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
    else:  # TensorFlow's global seed is not set, because a shared step does not use it
        global_state.GLOBAL_STATE_TRACKER = threading.local()
        global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
        random.seed(seed)
        np.random.seed(seed)
    keras.mixed_precision.set_dtype_policy(precision)


def _network_inputs(dataset: Dataset, scaling: Scaling) -> np.ndarray:
    """Up to 5,000 training images, cropped and scaled, float32, (images, height, width, channels)."""
    train = dataset.train
    rows = sample(train.images, train.rows)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), 5000)).astype(int)]  # spread over the whole split
    pixels = train.images[rows].astype(np.float32)
    return np.asarray(scaling(scaling.cropped(pixels)))
