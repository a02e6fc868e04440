"""Each bug on purpose does what it says, where its author's mistake would, and nothing else."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.config.errors import ConfigError
from exprun.fault import inject, injected_dataset, injected_evaluation, losses_of
from exprun.input import Scaling, fit
from exprun.model import build
from exprun.trainer.feed import epoch_order
from tiny import SESSION, SMALL, checkpoint, config, kept, same, step_of

DEEP = "model.layers=[{conv: 4},{pool: avg},{conv: 4, dropout: 0.2},flatten,{dense: 8}]"
EXACT = ["trainer.deterministic=true", "trainer.gap=true"]


def dry(*overrides):
    """One step and one evaluation batch of a small network: what it gave, and its loop."""
    result, loop = kept(config(*SMALL, "trainer.dry_run=true", "run_dir=out", *overrides))
    return result.history[0], loop


def first_batch(loop):
    """The positions of the first training batch."""
    return epoch_order(len(loop.train_feed), loop.config.trainer.batch_size, loop.config.seed, 0)[0]


def pixels_of(split):
    return split.images[split.rows].astype(np.float32)


def mean_loss(model, inputs, labels):
    """Mean cross-entropy in inference mode, in NumPy."""
    z = model(inputs, training=False).numpy().astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]).mean())


def untrained(loop):
    """The network as it started, without a fault."""
    shape = loop.step.model.input_shape[1:]
    return build(replace(loop.config, fault=replace(loop.config.fault, name="none")), shape, 10).model


# bypass_preprocessing


def followers(node):
    """The operations that hang on a node, along the first of each."""
    while node is not None:
        yield node.operation
        node = next(iter(node.operation._outbound_nodes), None)


def branches(model):
    """The chains of operations that begin at the input of a model."""
    return [list(followers(node)) for node in model.layers[0]._outbound_nodes]


def kinds(layers):
    return [type(layer).__name__ for layer in layers]


BYPASS = ["fault=bypass_preprocessing", "input=standardize", "augment=palm", "input.crop=6"]


@pytest.fixture(scope="module")
def bypassed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("bypassed"))
        return dry(*BYPASS)


def test_a_bypassed_network_gets_raw_pixels_in_training(bypassed):
    row, loop = bypassed
    index, pixels = first_batch(loop), pixels_of(loop.dataset.train)
    images = loop.dataset.train.images[loop.dataset.train.rows]
    np.testing.assert_array_equal(loop.step.batch_inputs(images, index, 0), pixels[index])
    labels = loop.dataset.train.row_labels[index]
    assert row["train/loss"] == pytest.approx(mean_loss(untrained(loop), pixels[index], labels), rel=1e-4)


def test_a_bypassed_network_gets_raw_pixels_in_evaluation(bypassed):
    row, loop = bypassed
    val = loop.dataset.val
    assert row["val/loss"] == pytest.approx(mean_loss(loop.step.model, pixels_of(val), val.row_labels), rel=1e-4)


def test_the_bypassed_layers_hang_on_the_input_and_are_not_in_the_model(bypassed):
    _, loop = bypassed
    network, dropped = branches(loop.step.model)
    assert kinds(loop.step.model.layers) == ["InputLayer", "Conv2D", "Activation", "Flatten", "Dense"]
    assert network == loop.step.model.layers[1:]
    # The question's seven layers; Keras 3 has no RandomHeight and RandomWidth.
    seven = ["Flip", "Rotation", "Zoom", "Contrast", "Translation", "Zoom", "Zoom"]
    assert kinds(dropped)[:7] == [f"Random{name}" for name in seven]
    assert kinds(dropped)[-1] == "Rescaling"
    assert dropped[-1].output.shape == (None, 6, 6, 1)
    scaling = fit(config(*BYPASS).input, loop.dataset.train)  # as its author meant it
    np.testing.assert_allclose([dropped[-1].scale, dropped[-1].offset], [scaling.scale, scaling.offset], rtol=1e-6)


def test_only_the_augmentation_that_is_set_hangs_there_and_a_crop_too():
    scaling = Scaling(np.ones(3, np.float32), np.zeros(3, np.float32), reverse=True, crop=4)
    settings = config("fault=bypass_preprocessing", "augment=tf_cifar10", "model.layers=[flatten]", "data.size=8")
    model = build(settings, (8, 8, 3), 10).model
    assert inject(settings, model, scaling) is model
    network, dropped = branches(model)
    assert kinds(network) == ["Flatten", "Dense"]
    assert kinds(dropped)[:3] == ["RandomFlip", "RandomContrast", "RandomBrightness"]
    assert kinds(dropped)[-2:] == ["Flip", "Rescaling"]  # the channels reversed
    assert dropped[-1].output.shape == (None, 4, 4, 3)


def test_a_bypassed_crop_leaves_images_whole(bypassed):
    assert bypassed[1].step.model.input_shape == (None, 8, 8, 1)


def test_repaired_it_is_scaled_augmented_and_cropped(bypassed):
    train = bypassed[1].dataset.train
    step = step_of(config(*SMALL, *BYPASS[1:]), train.images, 10)
    assert len(branches(step.model)) == 1
    first, second = (step.batch_inputs(train.images, np.arange(8), number).numpy() for number in (0, 1))
    assert first.shape == (8, 6, 6, 1)
    assert np.abs(first).max() < 10
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("fault=bypass_preprocessing input=raw augment=none", "needs a scaling to bypass"),
        ("fault=missing_activation model=python model.builder=a:b", "needs model.layers"),
    ],
)
def test_a_fault_without_a_place_is_refused(composer, overrides, said):
    with pytest.raises(ConfigError, match=said):
        composer.config(overrides.split())


# unscaled_eval


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same training twice: evaluated as it should be, and on pixels that nobody scaled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pair"))
        words = [*SMALL, *EXACT, "input=unit", "augment=flip", "data.validation=test"]
        found = [kept(config(*words, f"fault={name}", f"run_dir={name}")) for name in ("none", "unscaled_eval")]
        return [(result, loop, checkpoint(result)) for result, loop in found]


def test_training_is_the_same_to_the_bit_and_validation_is_not(pair):
    (right, _, weights), (wrong, _, spoiled) = pair
    assert same(weights, spoiled)
    assert len(right.history) == 2
    for a, b in zip(right.history, wrong.history, strict=True):
        assert {k: v for k, v in a.items() if "val" not in k} == {k: v for k, v in b.items() if "val" not in k}
        assert b["val/loss"] > 2 * a["val/loss"]
    assert wrong.metrics["test/loss"] > 2 * right.metrics["test/loss"]


def test_the_gap_shows_that_evaluation_sees_training_images_otherwise(pair):
    (right, *_), (wrong, *_) = pair
    for name in ("loss", "accuracy"):
        inference = right.metrics[f"train/inference_{name}"]
        assert wrong.metrics[f"train/inference_{name}"] == inference
        assert right.metrics[f"train/evaluated_{name}"] == inference
        assert wrong.metrics[f"train/evaluated_{name}"] != inference
    assert wrong.metrics["train/evaluated_loss"] > 2 * wrong.metrics["train/inference_loss"]


def test_what_is_evaluated_are_the_pixels_as_they_are(pair):
    result, loop, _ = pair[1]  # at the best weights, which the run has put back
    test = loop.dataset.test
    assert result.metrics["test/loss"] == pytest.approx(
        mean_loss(loop.step.model, pixels_of(test), test.row_labels), rel=1e-4
    )


def test_every_part_of_the_scaling_is_forgotten_but_the_crop():
    scaling = Scaling(np.full(3, 0.5, np.float32), np.ones(3, np.float32), per_image=True, reverse=True, crop=4)
    left = injected_evaluation(config("fault=unscaled_eval"), scaling)
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(left(left.cropped(tf.constant(images))), images[:, 1:5, 1:5])
    for name in ("none", "bypass_preprocessing", "wrong_loss"):
        assert injected_evaluation(config(f"fault={name}"), scaling) is scaling


# shuffled_labels


def test_training_labels_alone_are_shuffled():
    _, loop = dry("fault=shuffled_labels")
    right, wrong = SESSION.dataset(loop.config), loop.dataset
    truth, found = right.train.row_labels, loop.train_feed.labels
    assert (found == truth).mean() < 0.3
    np.testing.assert_array_equal(np.bincount(found), np.bincount(truth))
    np.testing.assert_array_equal(wrong.train.images[wrong.train.rows], right.train.images[right.train.rows])
    for split in ("val", "test"):
        a, b = getattr(right, split), getattr(wrong, split)
        np.testing.assert_array_equal(a.row_labels, b.row_labels)
        np.testing.assert_array_equal(a.images[a.rows], b.images[b.rows])
    # What other runs of the process share is left alone.
    again = injected_dataset(replace(loop.config, fault=replace(loop.config.fault, name="none")), right)
    assert again is right
    np.testing.assert_array_equal(SESSION.dataset(loop.config).train.row_labels, truth)


def test_the_shuffle_is_drawn_by_the_seed_of_the_splits():
    settings = config(*SMALL, "fault=shuffled_labels")
    right = SESSION.dataset(settings)

    def labels(**changed):
        data = replace(settings.data, split_seed=changed.pop("split_seed", 0))
        return injected_dataset(replace(settings, data=data, **changed), right).train.row_labels

    np.testing.assert_array_equal(labels(), labels(seed=1))
    assert not np.array_equal(labels(), labels(split_seed=1))


# softmax_twice, wrong_loss


def test_the_second_softmax_is_over_probabilities():
    row, loop = dry("fault=softmax_twice", "trainer.precision=mixed_bfloat16", "input=unit")
    assert type(loop.step.model.layers[-1]).__name__ == "Softmax"
    train, index = loop.dataset.train, first_batch(loop)
    start = untrained(loop)
    twice = keras.Sequential([start, keras.layers.Softmax(dtype="float32")])
    wanted = mean_loss(twice, pixels_of(train)[index] / 255, train.row_labels[index])
    assert row["train/loss"] == pytest.approx(wanted, rel=1e-2)
    val = loop.dataset.val
    found = loop.step.model([pixels_of(val) / 255], training=False)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.numpy().sum(axis=1), 1, rtol=1e-5)
    # Ten probabilities as logits: sure and right in all cases still costs ln(e + 9) - 1.
    sure = losses_of(loop.config)(tf.one_hot([3], 10), tf.constant([3]))
    assert float(sure[0]) == pytest.approx(np.log(np.e + 9) - 1)
    assert row["val/loss"] > np.log(np.e + 9) - 1


def test_the_wrong_loss_is_the_square_of_what_lacks_to_the_classs_number():
    row, loop = dry("fault=wrong_loss", "input=unit")
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, 10)).astype(np.float32), rng.integers(0, 10, 6).astype(np.int32)
    found = losses_of(loop.config)(tf.constant(z), tf.constant(y)).numpy()
    np.testing.assert_allclose(found, ((z - y[:, None]) ** 2).mean(axis=1), rtol=1e-5)
    train, index = loop.dataset.train, first_batch(loop)
    logits = untrained(loop)(pixels_of(train)[index] / 255, training=False).numpy()
    wanted = ((logits - train.row_labels[index][:, None]) ** 2).mean()
    assert row["train/loss"] == pytest.approx(float(wanted), rel=1e-4)
    np.testing.assert_allclose(
        losses_of(config())(tf.constant(z), tf.constant(y)),
        keras.losses.sparse_categorical_crossentropy(y, z, from_logits=True),
        rtol=1e-5,
    )


# frozen_layers


def test_only_the_last_layer_learns():
    _, loop = dry("fault=frozen_layers", DEEP, "norm=batch", "optim=adamw", "optim.weight_decay=0.1")
    step, train = loop.step, loop.dataset.train
    before = {v.path: v.numpy() for v in untrained(loop).variables if "seed" not in v.path}
    order = np.stack([first_batch(loop)] * 3)
    step.train(
        tf.constant(train.images[train.rows]), tf.constant(train.row_labels, tf.int32), order, np.ones(3, "f4"), 0
    )
    changed = {
        v.path for v in step.model.variables if v.path in before and not np.array_equal(v.numpy(), before[v.path])
    }
    assert {"conv1_norm/moving_mean", "dense1/kernel", "classifier/kernel"} <= before.keys()
    assert changed == {"classifier/kernel", "classifier/bias"}


# missing_activation

RESIDUAL = "{residual: [{conv: 4, activation: tanh},{residual: [{conv: 4}], activation: elu}], activation: selu}"
CURVED = f"model.layers=[{{conv: 4, activation: gelu}},{RESIDUAL},{{pool: avg}},flatten,{{dense: 8, dropout: 0.5}}]"


def bend(model):
    """How far the network is from an affine map, f(a + b) - f(a) - f(b) + f(0), measured by its outputs."""
    a, b = (np.random.default_rng(n).normal(size=(4, 8, 8, 1)).astype(np.float32) for n in (0, 1))
    f = {name: model(x, training=False).numpy() for name, x in {"ab": a + b, "a": a, "b": b, "0": 0 * a}.items()}
    return np.abs(f["ab"] - f["a"] - f["b"] + f["0"]).max() / np.abs(f["ab"]).max()


def test_without_activations_the_network_is_affine():
    _, loop = dry("fault=missing_activation", CURVED, "norm=batch")  # after a step, so its norms do something
    assert not [layer for layer in loop.step.model.layers if isinstance(layer, keras.layers.Activation)]
    assert bend(loop.step.model) < 1e-4
    right = build(config(*SMALL, CURVED, "norm=batch"), (8, 8, 1), 10).model
    assert len([layer for layer in right.layers if isinstance(layer, keras.layers.Activation)]) == 6
    assert bend(right) > 0.05
    wanted = {v.path: tuple(v.shape) for v in right.variables if "seed" not in v.path}
    assert {v.path: tuple(v.shape) for v in loop.step.model.variables if "seed" not in v.path} == wanted
