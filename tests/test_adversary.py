"""Attacks: within their bounds, worse than noise, the published formula, and no trace of them in the network."""

import numpy as np
import pytest
import tensorflow as tf

from exprun.adversary import Attack
from exprun.config.images import Adversary
from exprun.loss import Targets
from exprun.model import build
from exprun.trainer.feed import whole_order
from tiny import SMALL, config, kept, step_of, tiny

DIGITS = ["data.size=8", "data.channels=1", "input=unit"]
LAYERS = "model.layers=[{conv: 8},{pool: max},flatten,{dense: 32, dropout: 0.3}]"
FGSM = ["adversary=fgsm", "adversary.epsilon=16.0"]
SEED = tf.constant((0, 0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network with norms and dropout, trained on adversarial images."""
    folder = tmp_path_factory.mktemp("trained")
    result, loop = kept(config(*DIGITS, LAYERS, *FGSM, "trainer.epochs=4", f"run_dir={folder}"))
    assert result.metrics["val/accuracy"] > 0.5
    return result, loop


@pytest.fixture(scope="module")
def batch(trained):
    """Pixels and labels of the validation images."""
    val = trained[1].dataset.val
    return tf.constant(val.images[val.rows], tf.float32), tf.constant(val.row_labels, tf.int32)


@pytest.fixture(scope="module")
def losses(trained, batch):
    """The loss of each of these images, of pixels, by the trained network; a sum written anew."""
    model = trained[1].step.model

    def of_pixels(pixels):
        logits = model(pixels / 255.0, training=False)
        return -tf.gather(tf.nn.log_softmax(logits), batch[1], axis=1, batch_dims=1)

    return of_pixels


def attack(name, **settings):
    return Attack(Adversary(name=name, **({"epsilon": 16.0} | settings)))


def pgd(**settings):
    return attack("pgd", **({"steps": 5, "step_size": 4.0, "random_start": True} | settings))


@pytest.mark.parametrize(
    ("made", "settings"),
    [(attack, {"name": "fgsm"}), (attack, {"name": "fgsm", "epsilon": 0.0}), (pgd, {}), (pgd, {"step_size": 99.0})],
)
def test_no_pixel_leaves_its_bounds(made, settings, batch, losses):
    pixels, epsilon = batch[0].numpy(), settings.get("epsilon", 16.0)
    found = made(**settings)(batch[0], SEED, losses).numpy()
    assert np.abs(found - pixels).max() <= epsilon + 1e-4
    assert found.min() >= 0
    assert found.max() <= 255
    assert np.array_equal(found, pixels) == (epsilon == 0)


def test_fgsm_is_one_step_along_the_sign_of_the_gradient(batch, losses):
    pixels = batch[0]
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        mean = tf.reduce_mean(losses(pixels))  # a mean: only the sign counts
    gradient = tape.gradient(mean, pixels).numpy()
    wanted = np.clip(pixels.numpy() + 16.0 * np.sign(gradient), 0, 255)
    found = attack("fgsm")(pixels, SEED, losses).numpy()
    sure = np.abs(gradient) > 1e-6 * np.abs(gradient).max()  # of smaller ones rounding decides the sign
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(found[sure], wanted[sure])


def test_an_attack_raises_the_loss_more_than_noise_of_its_size(batch, losses):
    pixels = batch[0]
    noise = 16.0 * np.sign(np.random.default_rng(0).normal(size=pixels.shape)).astype(np.float32)
    clean, noisy, fgsm, several = (
        float(tf.reduce_mean(losses(changed)))
        for changed in (
            pixels,
            tf.clip_by_value(pixels + noise, 0.0, 255.0),
            attack("fgsm")(pixels, SEED, losses),
            pgd(steps=10)(pixels, SEED, losses),
        )
    )
    assert fgsm > clean + 2 * abs(noisy - clean)
    assert several > clean + 2 * abs(noisy - clean)
    assert several > fgsm * 0.98  # the more steps, the worse; the start is random


def test_pgd_of_one_step_is_fgsm(batch, losses):
    one = pgd(steps=1, step_size=16.0, random_start=False)(batch[0], SEED, losses)
    np.testing.assert_array_equal(one, attack("fgsm")(batch[0], SEED, losses))


def test_the_random_start_is_a_function_of_the_seed(batch, losses):
    found = [pgd(step_size=1e-3)(batch[0], tf.constant(seed), losses).numpy() for seed in ((0, 1), (0, 1), (0, 2))]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    inside = (batch[0].numpy() > 16) & (batch[0].numpy() < 239)
    away = (found[0] - batch[0].numpy())[inside]
    assert -16.01 <= away.min() < -15  # anywhere within the bounds
    assert 15 < away.max() <= 16.01
    fixed = [pgd(random_start=False)(batch[0], tf.constant(seed), losses).numpy() for seed in ((0, 1), (0, 2))]
    np.testing.assert_array_equal(*fixed)


def test_an_attack_leaves_the_network_as_it_is(trained, batch):
    step = trained[1].step
    before = {key: v.numpy().copy() for key, v in step.variables.items()}
    pixels, labels = batch
    step._attacked(pixels, Targets(labels), SEED, step.preprocessing.train)
    val = trained[1].val_feed
    for chunk in val.chunks(whole_order(len(val), 16), lambda: 16):
        step.evaluate(*chunk, "evaluation")
    assert any("moving_mean" in key for key in before)
    for key, value in before.items():
        np.testing.assert_array_equal(step.variables[key].numpy(), value, err_msg=key)


def test_training_sees_the_changed_images_and_counts_them_once():
    """The first loss is that of the changed batch, and the moving mean has taken one step, to the changed batch's."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (8, 6, 6, 2), np.uint8), rng.integers(0, 3, 8).astype(np.int32)
    settings = config(
        "model.layers=[{norm: batch, momentum: 0.9},flatten]", "norm=none", "input=raw", "optim=sgd", *FGSM,
        "trainer.batch_size=8", "data.channels=1",
    )  # fmt: skip
    step, copy = step_of(settings, images, 3), build(settings, (6, 6, 2), 3).model
    pixels = tf.constant(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, copy(pixels, training=False))
    changed = tf.clip_by_value(pixels + 16.0 * tf.sign(tape.gradient(losses, pixels)), 0.0, 255.0)
    logits = copy(changed, training=True)
    done = step.train(tf.constant(images), tf.constant(labels), np.arange(8, dtype=np.int32)[None], np.ones(1, "f4"), 0)
    wanted = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    assert done.losses[0] == pytest.approx(float(tf.reduce_mean(wanted)), rel=1e-4)
    found = {v.path: v.numpy() for v in step.model.variables}
    np.testing.assert_allclose(found["norm1/moving_mean"], 0.1 * changed.numpy().mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(
        found["norm1/moving_variance"], 0.9 + 0.1 * changed.numpy().var(axis=(0, 1, 2)), rtol=1e-4
    )


def test_every_evaluation_tells_how_it_is_under_attack(trained, batch, losses):
    result, loop = trained
    for row in result.history:
        assert row["val/adversarial_accuracy"] <= row["val/accuracy"]
        assert row["val/adversarial_loss"] > row["val/loss"]
    assert result.history[-1]["val/adversarial_accuracy"] < result.history[-1]["val/accuracy"]
    assert result.metrics["test/adversarial_accuracy"] < result.metrics["test/accuracy"]
    once, again = loop.evaluator.measure(loop.val_feed), loop.evaluator.measure(loop.val_feed)
    assert once.more == again.more
    changed = attack("fgsm")(batch[0], SEED, losses)
    predictions = loop.step.model(changed / 255.0, training=False).numpy().argmax(axis=1)
    assert once.more["adversarial_accuracy"] == pytest.approx((predictions == batch[1].numpy()).mean(), abs=0.03)


def test_without_an_adversary_there_is_no_such_figure():
    result = tiny(*DIGITS, *SMALL, "run_dir=out", "trainer.dry_run=true")
    assert not [key for key in result.history[0] if "adversarial" in key]


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["trainer.precision=mixed_bfloat16", "trainer.jit=true", "trainer.precision=mixed_float16"]
)
def test_it_goes_with_xla_and_half_precision(how):
    result = tiny(
        *DIGITS, "model.layers=[{conv: 4},{pool: max},flatten]", "adversary=pgd", "adversary.steps=2",
        "adversary.step_size=8.0", how, "run_dir=out", "trainer.checkpoint=false",
    )  # fmt: skip
    first, last = result.history
    assert last["train/loss"] < first["train/loss"]
    assert last["val/adversarial_loss"] > last["val/loss"]
