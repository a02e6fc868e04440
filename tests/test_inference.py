"""Networks with prepared weights, against the same networks without."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.inference import Inference
from exprun.kernels import faster
from tiny import config, step_of

IMAGES = np.random.default_rng(0).normal(size=(12, 8, 8, 3)).astype(np.float32)
layers = keras.layers


def network(body, dtype="float32"):
    """A network around `body`, a function from images to images, with weights and statistics as after training."""
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input(IMAGES.shape[1:])
        x = layers.GlobalAveragePooling2D()(body(inputs))
        model = keras.Model(inputs, layers.Dense(4, dtype="float32", name="classifier")(x))
    finally:
        keras.config.set_dtype_policy(before)
    draw = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for variable in layer.variables:
                variable.assign(draw.uniform(0.5, 2.0, variable.shape))
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(draw.normal(size=layer.bias.shape))
    return model


def prepared(model):
    """The preparation of a network in inference mode, as evaluations use it, and its function from images to logits."""
    inference = Inference(faster(model, cpu=True))
    return inference, tf.function(lambda images: inference.prepared()(images))


def norm(x, **settings):
    return layers.ReLU()(layers.BatchNormalization(**settings)(x))


def residual(x):
    x = norm(layers.Conv2D(4, 3, padding="same", use_bias=False)(x))
    inner = norm(layers.Conv2D(4, 3, padding="same", use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(4, 1)(inner))]))


def frozen(x):
    return norm(layers.Conv2D(4, 3)(x), trainable=False)


def nested(x):
    inner = keras.Sequential([keras.Input(x.shape[1:]), layers.Conv2D(4, 3), layers.BatchNormalization()])
    return layers.ReLU()(inner(x))


FOLDED = [
    ("conv", lambda x: norm(layers.Conv2D(4, 3, strides=2)(x)), 1),
    ("no bias", lambda x: norm(layers.Conv2D(4, 3, use_bias=False)(x)), 1),
    ("groups", lambda x: norm(layers.Conv2D(6, 3, groups=3)(x)), 1),
    ("depthwise", lambda x: norm(layers.DepthwiseConv2D(3, depth_multiplier=2)(x), scale=False, epsilon=0.1), 1),
    ("no centre", lambda x: norm(layers.Conv2D(4, 3, use_bias=False)(x), center=False), 1),
    ("few pixels", lambda x: norm(layers.Conv2D(4, 3, padding="same")(layers.MaxPooling2D(4)(x))), 1),
    ("residual", residual, 3),
    ("frozen", frozen, 1),
    ("nested", nested, 1),
]


@pytest.mark.parametrize(("body", "count"), [case[1:] for case in FOLDED], ids=[case[0] for case in FOLDED])
def test_logits_with_folded_norms_are_those_of_keras(body, count):
    model = network(body)
    inference, logits = prepared(model)
    assert len(inference.folded) == count
    np.testing.assert_allclose(logits(IMAGES), model(IMAGES), rtol=1e-4, atol=1e-5)
    names = {node.type for node in logits.get_concrete_function(IMAGES).graph.get_operations()}
    assert "FusedBatchNormV3" not in names


def two_uses(x):
    x = layers.Conv2D(4, 3)(x)
    return layers.Add()([x, layers.BatchNormalization()(x)])


def shared(x):
    conv, bn = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
    return bn(conv(norm(conv(x))))


def tied(x):
    conv = layers.Conv2D(3, 1)
    return keras.ops.matmul(
        norm(conv(x)), keras.ops.reshape(keras.ops.multiply(conv.kernel, x[:1, :1, :1, :1]), (3, 3))
    )


class Odd(layers.Layer):
    """A layer that is not of Keras."""

    def call(self, x):
        """The square of a tensor."""
        return keras.ops.square(x)


ALONE = [
    ("after a pool", lambda x: norm(layers.MaxPooling2D()(layers.Conv2D(4, 3)(x)))),
    ("after an activation", lambda x: norm(layers.Conv2D(4, 3, activation="relu")(x))),
    ("first", norm),
    ("two uses", two_uses),
    ("shared", shared),
    ("tied", tied),
    ("group norm", lambda x: layers.GroupNormalization(2)(layers.Conv2D(4, 3)(x))),
    ("layers of another package", lambda x: Odd()(norm(layers.Conv2D(4, 3)(x)))),
]


@pytest.mark.parametrize("body", [case[1] for case in ALONE], ids=[case[0] for case in ALONE])
def test_other_norms_are_left_alone(body):
    model = network(body)
    inference, logits = prepared(model)
    assert inference.folded == []
    np.testing.assert_allclose(logits(IMAGES), model(IMAGES), rtol=1e-4, atol=1e-5)


def test_in_bfloat16_prepared_weights_are_as_near_to_float32():
    exact = network(residual)(IMAGES)
    model = network(residual, "mixed_bfloat16")
    inference, logits = prepared(model)
    assert {layer.compute_dtype for layer in inference.cast} == {"bfloat16"}
    errors = [float(tf.reduce_mean(tf.abs(own - exact))) for own in (logits(IMAGES), model(IMAGES))]
    assert 0 < errors[0] <= 1.5 * errors[1]


def test_kernels_are_cast_before_the_batches():
    inference, _ = prepared(network(lambda x: layers.Conv2D(4, 3)(x), "mixed_bfloat16"))
    graph = (
        tf.function(lambda images: tf.map_fn(inference.prepared(), images)).get_concrete_function(IMAGES[None]).graph
    )
    body = next(f for name, f in graph._functions.items() if "while_body" in name).graph
    assert not [
        node for node in body.get_operations() if node.type == "ReadVariableOp" and node.outputs[0].shape.rank == 4
    ]


@pytest.mark.parametrize("norm", ["batch", *(pytest.param(one, marks=pytest.mark.slow) for one in ("group", "none"))])
def test_evaluations_follow_the_weights_and_leave_training_as_it_is(norm):
    residual = "{residual: [{conv: 4}, {conv: 4, activation: none}], shortcut: pad}"
    words = [f"model.layers=[{{conv: 4}},{residual},flatten]", f"norm={norm}", "data.size=8", "data.channels=1"]
    words.append("trainer.batch_size=16")
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)
    step, labels = step_of(config(*words), images, 10), tf.constant(np.arange(16, dtype=np.int32) % 10)
    assert len(step.inference.folded) == (3 if norm == "batch" else 0)
    given = tf.constant(images)
    for first in range(2):
        logits = step.evaluate(given, labels, np.arange(16, dtype=np.int32).reshape(2, 8), "evaluation").logits
        scaled = step.preprocessing.evaluation(tf.cast(given, tf.float32))
        np.testing.assert_allclose(logits, step.model(scaled, training=False), rtol=1e-3, atol=1e-4)
        before = [v.numpy() for v in step.model.variables]
        step.train(given, labels, np.arange(16, dtype=np.int32)[None], np.full(1, 0.1, np.float32), first)
        changed = [not np.array_equal(a, b) for a, b in zip(before, step.model.variables, strict=True)]
        assert all(changed)
