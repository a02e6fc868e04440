"""Gradual unfreezing against a loop of Keras that sets `trainable` and takes the same steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.fault import losses_of
from exprun.input import Preprocessing, Scaling
from exprun.loss import Loss
from exprun.model.stages import stages
from exprun.optim import make_optimizer
from exprun.trainer.device import Device
from exprun.trainer.step import Step
from exprun.trainer.unfreezing import frozen_stages
from tiny import TINY, checkpoint, config, same, tiny

SHAPE, BATCH, RATE = (8, 8, 1), 8, 0.1
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (16, *SHAPE)).astype(np.uint8)
LABELS = GENERATOR.integers(0, 3, 16).astype(np.int32)
SCALING = Scaling(np.full(1, 1 / 255, np.float32), np.zeros(1, np.float32))
OPTIMISERS = {
    "optim=sgd_momentum optim.weight_decay=0": lambda: keras.optimizers.SGD(RATE, momentum=0.9),
    "optim=adamw optim.weight_decay=0.1": lambda: keras.optimizers.AdamW(RATE, weight_decay=0.1, epsilon=1e-7),
}


def network():
    """Two stages, each of a convolution and a batch norm."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy("float32")
    x = inputs = keras.Input(SHAPE)
    for number in (1, 2):
        x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = keras.layers.MaxPooling2D()(keras.layers.ReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(3, name="classifier")(keras.layers.Flatten()(x)))


def reference(make_optimiser, epochs: int):
    """The weights after each epoch of two steps; the last stage is trained from the second epoch, the first from the
    third."""
    model, optimiser = network(), make_optimiser()
    optimiser.build(model.trainable_variables)
    optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    for epoch in range(epochs):
        for number in (1, 2):
            for kind in ("conv", "norm"):
                model.get_layer(f"{kind}{number}").trainable = epoch >= 3 - number
        for start in (0, BATCH):
            pixels = tf.constant(IMAGES[start : start + BATCH] / np.float32(255))
            with tf.GradientTape() as tape:
                logits = model(pixels, training=True)
                loss = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS[start : start + BATCH], logits)
                )
            optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        yield [np.asarray(variable) for variable in model.variables]


@pytest.mark.parametrize("optim", OPTIMISERS)
def test_each_epoch_is_that_of_keras(optim):
    expected = list(reference(OPTIMISERS[optim], 4))
    settings = config("trainer.batch_size=8", *optim.split())
    model = network()
    before = [np.asarray(variable) for variable in model.variables]
    optimizer = make_optimizer(settings.optim, model, {})
    loss, device = Loss(settings, losses_of(settings), None), Device(None, 1, "float32", False, "CPU", False)
    step = Step(settings, model, optimizer, Preprocessing(SCALING, SCALING), loss, device, None, stages(model, 1))
    order = np.arange(16, dtype=np.int32).reshape(2, BATCH)
    for epoch, wanted in enumerate(expected):
        step.set_epoch(step.size, 1, epoch)
        step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.full(2, RATE, np.float32), 2 * epoch)
        for variable, array, old in zip(model.variables, wanted, before, strict=True):
            np.testing.assert_allclose(variable, array, rtol=2e-4, atol=2e-5, err_msg=f"{variable.path} {epoch}")
            if epoch < 2 and "1/" in variable.path:  # also its moving statistics
                np.testing.assert_array_equal(variable, old)
        assert all(layer.trainable for layer in model.layers)
    assert len(step._compiled) == 3  # one for each number of frozen stages


def test_the_stages_that_are_frozen_in_each_epoch():
    assert [frozen_stages(2, 3, epoch) for epoch in range(8)] == [3, 3, 2, 2, 1, 1, 0, 0]
    assert frozen_stages(None, 3, 0) == 0


def test_a_run_resumes_exactly():
    layers = "model.layers=[{conv: 4},{pool: max},{conv: 4},flatten]"
    words = [layers, "schedule=constant", "schedule.unfreeze=1", "trainer.epochs=3", "optim=adam", "data.limit=200"]
    whole = tiny(*words, "run_dir=outputs/whole")
    tiny(*words, "run_dir=outputs/parts", "trainer.max_steps=6")
    parts = tiny(*words, "run_dir=outputs/parts", "trainer.resume=true")
    assert [int(row["step"]) for row in whole.history] == [5, 10, 15]  # so the first part ends within an epoch
    assert same(checkpoint(whole), checkpoint(parts))


def test_epochs_that_only_train_the_head_are_refused():
    with pytest.raises(ConfigError, match=r"write model.freeze=backbone"):
        Composer().config([*TINY, "schedule.unfreeze=2"])
