"""The weights of the classes in the loss, and the losses of labels with a number for each class."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.fault import losses_of
from exprun.loss import Loss, Targets, class_weights, make_loss
from tiny import TINY, config


def weights(beta, counts):
    made = config(*TINY)
    return class_weights(replace(made, loss=replace(made.loss, class_balance=beta)), np.array(counts), None)


def test_class_balanced_weights_are_those_of_the_paper():
    """Equation 5: the effective number is 1 + β + β² + … + β^(n − 1)."""
    found = weights(0.9, [1, 2, 30])
    effective = np.array([sum(0.9**power for power in range(n)) for n in (1, 2, 30)])
    np.testing.assert_allclose(found / found[0], 1 / effective, rtol=1e-5)
    assert (found * [1, 2, 30]).sum() / 33 == pytest.approx(1)


def test_the_ends_of_class_balance():
    np.testing.assert_allclose(weights(0.0, [10, 90]), 1.0)
    np.testing.assert_allclose(weights(1 - 1e-9, [10, 90]), [5.0, 100 / 180], rtol=1e-4)


def test_a_class_without_training_images_has_no_weight():
    assert weights(0.99, [4, 0, 4]).tolist() == [1.0, 0.0, 1.0]


LOGITS = np.random.default_rng(0).normal(0, 2, (6, 4)).astype(np.float32)
SEVERAL = (np.random.default_rng(1).random((6, 4)) < 0.4).astype(np.float32)
SOFT = np.random.default_rng(2).dirichlet(np.ones(4), 6).astype(np.float32)
ARRAYS = ("data=arrays", "data.root=x.npz")


def total(labels, given, *words, weights=None, targets=None):
    import tensorflow as tf

    loss = make_loss(config(*ARRAYS, f"data.labels={labels}", *words), None, weights)
    return float(loss.total(tf.constant(LOGITS), targets or Targets(tf.constant(given))))


def test_the_loss_of_several_labels_is_that_of_keras():
    import keras

    binary = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)
    assert total("several", SEVERAL, "loss.label_smoothing=0.1") / 6 == pytest.approx(
        float(binary(SEVERAL, LOGITS)), abs=1e-6
    )
    focal = keras.losses.BinaryFocalCrossentropy(gamma=1.5, from_logits=True)
    assert total("several", SEVERAL, "loss=focal", "loss.gamma=1.5") / 6 == pytest.approx(
        float(focal(SEVERAL, LOGITS)), abs=1e-6
    )


def test_the_weight_of_a_label_is_that_of_the_images_that_have_it():
    import tensorflow as tf

    weights = np.array([0.5, 1, 2, 10], np.float32)
    wanted = tf.nn.weighted_cross_entropy_with_logits(SEVERAL, LOGITS, weights)
    assert total("several", SEVERAL, weights=weights) == pytest.approx(float(tf.reduce_sum(wanted)) / 4, rel=1e-6)


def test_the_loss_of_soft_labels_is_that_of_keras():
    import keras

    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    assert total("soft", SOFT, "loss.label_smoothing=0.1") / 6 == pytest.approx(float(plain(SOFT, LOGITS)), abs=1e-6)


@pytest.mark.parametrize("words", [(), ("loss=focal", "loss.label_smoothing=0.1")])
def test_a_soft_label_of_one_class_has_the_loss_of_this_class(words):
    import tensorflow as tf

    classes, weights = SOFT.argmax(axis=1).astype(np.int32), np.array([0.5, 1, 2, 3], np.float32)
    made = config(*words)
    one = Loss(made, losses_of(made), weights).total(tf.constant(LOGITS), Targets(tf.constant(classes)))
    found = total("soft", np.eye(4, dtype=np.float32)[classes], *words, weights=weights)
    assert found == pytest.approx(float(one), rel=1e-6)


@pytest.mark.parametrize(("labels", "given"), [("several", SEVERAL), ("soft", SOFT)])
def test_mixed_images_have_the_loss_of_their_mixed_labels(labels, given):
    import tensorflow as tf

    shares = np.linspace(0, 1, 6).astype(np.float32)
    both = Targets(tf.constant(given), tf.constant(given[::-1]), tf.constant(shares))
    mixed = shares[:, None] * given + (1 - shares[:, None]) * given[::-1]
    found = total(labels, None, "loss.label_smoothing=0.1", targets=both)
    assert found == pytest.approx(total(labels, mixed, "loss.label_smoothing=0.1"), rel=1e-6)
    assert np.array_equal(both.main[:3], given[::-1][:3])
    assert np.array_equal(both.main[3:], given[3:])
    assert [x.shape[0] for x in both.part(tf.constant(2), 2)] == [2, 2, 2]
