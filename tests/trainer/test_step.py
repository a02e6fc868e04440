"""The compiled step against the same sums in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun import augment
from exprun.fault import losses_of
from exprun.input import Preprocessing, Scaling
from exprun.loss import Loss
from exprun.optim import make_optimizer
from exprun.trainer.device import Device
from exprun.trainer.step import Step
from tiny import config

SHAPE, CLASSES, BATCH = (4, 4, 1), 3, 8
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, *SHAPE)).astype(np.uint8)
LABELS = RNG.integers(0, CLASSES, 20).astype(np.int32)
SCALING = Scaling(np.full(1, 1 / 255, np.float32), np.zeros(1, np.float32))
DEVICE = Device(None, 1, "float32", False, "CPU", False)


def linear_step(*overrides: str, class_weights=None, rates=None, classes=CLASSES, teacher=None) -> Step:
    """A softmax regression, so that NumPy can follow."""
    settings = config("trainer.batch_size=8", *overrides)
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(classes, name="classifier")]
    )
    optimizer = make_optimizer(settings.optim, model, {model.variables[i].path: r for i, r in (rates or {}).items()})
    scalings = Preprocessing(SCALING, SCALING)
    loss = Loss(settings, losses_of(settings), class_weights)
    return Step(settings, model, optimizer, scalings, loss, DEVICE, teacher)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numpy_gradient(w, b, index, smoothing=0.0, weights=None):
    """Loss and gradients of the softmax regression on a batch."""
    x, y = IMAGES[index].reshape(len(index), -1) / 255.0, LABELS[index]
    p = softmax(x @ w + b)
    target = np.eye(CLASSES)[y] * (1 - smoothing) + smoothing / CLASSES
    scale = np.ones(len(index)) if weights is None else weights[y]
    loss = -(target * np.log(p)).sum(axis=1) @ scale / len(index)
    d = (p - target) * scale[:, None] / len(index)
    return loss, x.T @ d, d.sum(axis=0)


def follow(step: Step, rates, gradient_of, update):
    """Take steps with exprun and with NumPy from the same weights; compare losses and weights."""
    w, b = (v.numpy().astype(np.float64) for v in step.model.variables)
    order = np.stack([RNG.permutation(20)[:BATCH] for _ in rates]).astype(np.int32)
    result = step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.asarray(rates, np.float32), 0)
    state: dict[str, np.ndarray] = {}
    losses = []
    for index, rate in zip(order, rates, strict=True):
        loss, dw, db = gradient_of(w, b, index)
        losses.append(loss)
        w, b = update("w", w, dw, rate, state), update("b", b, db, rate, state)
    np.testing.assert_allclose(result.losses, losses, rtol=1e-5)
    np.testing.assert_allclose(step.model.variables[0].numpy(), w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(step.model.variables[1].numpy(), b, rtol=1e-4, atol=1e-6)


def momentum_update(name, value, gradient, rate, state, momentum=0.9):
    state[name] = momentum * state.get(name, 0.0) - rate * gradient
    return value + state[name]


def test_momentum_across_changes_of_rate():
    follow(linear_step(), [0.5, 0.5, 0.05, 0.2], numpy_gradient, momentum_update)


def test_l2_is_in_the_gradient_and_spares_biases():
    def gradient(w, b, index):
        loss, dw, db = numpy_gradient(w, b, index)
        return loss, dw + 0.1 * w, db

    follow(linear_step("optim.weight_decay=0.1"), [0.5, 0.1, 0.5], gradient, momentum_update)


def test_l2_reaches_biases_where_nothing_is_exempt():
    def gradient(w, b, index):
        loss, dw, db = numpy_gradient(w, b, index)
        return loss, dw + 0.1 * w, db + 0.1 * b

    step = linear_step("optim.weight_decay=0.1", "optim.decay_exempt=[]")
    follow(step, [0.5, 0.1, 0.5], gradient, momentum_update)


def test_decoupled_decay_is_apart_from_the_gradient():
    def update(name, value, gradient, rate, state):
        shrunk = value * (1 - rate * 0.1) if name == "w" else value
        return momentum_update(name, shrunk, gradient, rate, state)

    step = linear_step("optim.weight_decay=0.1", "optim.decay=decoupled")
    follow(step, [0.5, 0.1, 0.5], numpy_gradient, update)


def test_biases_can_learn_at_twice_the_rate():
    def update(name, value, gradient, rate, state):
        return momentum_update(name, value, gradient, rate * (2 if name == "b" else 1), state)

    follow(linear_step(rates={1: 2.0}), [0.5, 0.1], numpy_gradient, update)


def test_label_smoothing():
    step = linear_step("loss.label_smoothing=0.2")
    follow(step, [0.5, 0.5], lambda w, b, i: numpy_gradient(w, b, i, smoothing=0.2), momentum_update)


def test_class_weights():
    weights = np.array([0.5, 1.0, 2.5], np.float32)
    step = linear_step(class_weights=weights)
    follow(step, [0.5, 0.5], lambda w, b, i: numpy_gradient(w, b, i, weights=weights), momentum_update)


@pytest.mark.parametrize(
    "words",
    [pytest.param([], marks=pytest.mark.slow), ["trainer.accumulate=4"], ["adversary=fgsm"]],
    ids=["plain", "parts", "attack"],
)
def test_mixed_images_are_trained_with_both_labels(words):
    """The loss is linear in the label, with smoothing and class weights, in parts, and in an attack."""
    weights = np.array([0.5, 1.0, 2.5], np.float32)
    mixing = ["augment.mixup=1", "augment.cutmix=1", "loss.label_smoothing=0.1"]
    step = linear_step(*mixing, *words, class_weights=weights)
    numbers = iter(range(10))

    def batch(index):
        seed = augment.seed_of(tf.constant(0), tf.constant(next(numbers)))
        found = augment.in_training(tf.constant(IMAGES[index]), seed, step.strength, SCALING, None, False)
        share = np.asarray(found.shares, np.float64)
        pairs = [(LABELS[index], share), (LABELS[index][found.partners], 1 - share)]
        return np.asarray(found.pixels, np.float64).reshape(len(index), -1), pairs

    def gradient(w, b, index):
        x, pairs = batch(index)
        if step.attack is not None:
            target = sum(np.eye(CLASSES)[labels] * share[:, None] for labels, share in pairs)
            x = np.clip(x + 8 * np.sign((softmax(x / 255 @ w + b) - target) @ w.T), 0, 255)
        p, loss, d = softmax(x / 255 @ w + b), 0.0, 0.0
        for labels, share in pairs:
            target = np.eye(CLASSES)[labels] * 0.9 + 0.1 / CLASSES
            scale = weights[labels] * share / len(index)
            loss -= (target * np.log(p)).sum(axis=1) @ scale
            d = d + (p - target) * scale[:, None]
        return loss, x.T / 255 @ d, d.sum(axis=0)

    follow(step, [0.5, 0.5, 0.1], gradient, momentum_update)
    if step.attack is None:
        order = np.arange(BATCH, dtype=np.int32)
        w, b = (v.numpy() for v in step.model.variables)
        found = step.train(tf.constant(IMAGES), tf.constant(LABELS), order[None], np.zeros(1, np.float32), 3)
        x, ((first, share), (second, _)) = batch(order)
        right = (x / 255 @ w + b).argmax(axis=1) == np.where(share >= 0.5, first, second)
        assert found.accuracies[0] == pytest.approx(right.mean())


@pytest.mark.parametrize("parts", [2, 8])
def test_the_gradients_of_the_parts_of_a_batch_add_up(parts):
    def gradient(w, b, index):
        loss, dw, db = numpy_gradient(w, b, index, smoothing=0.1)
        return loss, dw + 0.1 * w, db + 0.1 * b

    words = ["loss=label_smoothing", "optim.weight_decay=0.1", "optim.decay_exempt=[]"]
    follow(linear_step(f"trainer.accumulate={parts}", *words), [0.5, 0.1], gradient, momentum_update)


def test_sharpness_aware_minimisation_takes_the_gradient_uphill():
    def gradient(w, b, index):
        loss, dw, db = numpy_gradient(w, b, index)
        norm = np.sqrt((dw**2).sum() + (db**2).sum())
        return loss, *numpy_gradient(w + 0.5 * dw / norm, b + 0.5 * db / norm, index)[1:]

    follow(linear_step("optim=sam", "optim.sam_rho=0.5"), [0.5, 0.5], gradient, momentum_update)


@pytest.mark.slow
def test_the_uphill_pass_leaves_moving_statistics_as_they_are_and_repeats_dropout():
    """With a radius near 0, both passes are the same, so that the run is that without it."""
    layers = keras.layers

    def trained(*words):
        keras.utils.set_random_seed(0)
        settings = config("trainer.batch_size=8", "norm=none", *words)
        model = keras.Sequential(
            [keras.Input(SHAPE), layers.Flatten(), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)]
        )
        step = Step(
            settings,
            model,
            make_optimizer(settings.optim, model, {}),
            Preprocessing(SCALING, SCALING),
            Loss(settings, losses_of(settings), None),
            DEVICE,
        )
        order = np.arange(16, dtype=np.int32).reshape(2, 8)
        step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.full(2, 0.1, np.float32), 0)
        return [v.numpy() for v in model.variables if v.dtype == "float32"]

    for one, other in zip(trained(), trained("optim.sam_rho=1e-9"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_clipping_by_the_global_norm():
    def update(name, value, gradient, rate, state):
        return momentum_update(name, value, gradient, rate, state)

    def gradient(w, b, index):
        loss, dw, db = numpy_gradient(w, b, index)
        norm = np.sqrt((dw**2).sum() + (db**2).sum())
        factor = min(1.0, 0.01 / norm)
        return loss, dw * factor, db * factor

    follow(linear_step("optim.clip_global_norm=0.01"), [0.5, 0.5], gradient, update)


@pytest.mark.parametrize(("gamma", "smoothing"), [(2.0, 0.0), (0.5, 0.2)])
def test_the_focal_loss_is_that_of_keras(gamma, smoothing):
    from keras.losses import CategoricalFocalCrossentropy

    step = linear_step("loss=focal", f"loss.gamma={gamma}", f"loss.label_smoothing={smoothing}")
    reference = CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, from_logits=True, label_smoothing=smoothing)

    def gradient(w, b, index):
        w, b = tf.constant(w), tf.constant(b)
        with tf.GradientTape() as tape:
            tape.watch([w, b])
            loss = reference(tf.one_hot(LABELS[index], 3), IMAGES[index].reshape(len(index), -1) / 255.0 @ w + b)
        return loss.numpy(), *(part.numpy() for part in tape.gradient(loss, [w, b]))

    follow(step, [0.5, 0.5], gradient, momentum_update)


def test_distillation_is_the_weighted_mean_of_both_losses():
    """Hinton et al. 2015, section 2, with Keras' divergence of the softened outputs."""
    from keras.losses import KLDivergence, SparseCategoricalCrossentropy

    def teacher(pixels):
        return tf.reshape(pixels, [-1, 16])[:, :CLASSES] / 50

    step = linear_step(
        "loss=distillation", "model.teacher=run", "loss.teacher_share=0.7", "loss.temperature=3", teacher=teacher
    )

    def gradient(w, b, index):
        w, b, images = tf.constant(w), tf.constant(b), IMAGES[index].reshape(len(index), -1).astype(np.float64)
        taught = tf.nn.softmax(images[:, :CLASSES] / 50 / 3)
        with tf.GradientTape() as tape:
            tape.watch([w, b])
            logits = images / 255.0 @ w + b
            soft = KLDivergence()(taught, tf.nn.softmax(logits / 3))
            loss = 0.7 * 9 * soft + 0.3 * SparseCategoricalCrossentropy(from_logits=True)(LABELS[index], logits)
        return loss.numpy(), *(part.numpy() for part in tape.gradient(loss, [w, b]))

    follow(step, [0.5, 0.5], gradient, momentum_update)


def test_a_certain_image_has_a_focal_loss_with_a_gradient_of_0():
    from exprun.loss import focused

    entropy = tf.constant([0.0, 1e-30])
    with tf.GradientTape() as tape:
        tape.watch(entropy)
        loss = focused(entropy, 0.5)
    assert np.abs(loss).max() < 1e-9
    assert np.abs(tape.gradient(loss, entropy)).max() < 1e-3


@pytest.mark.parametrize("batch", [7, 20, 32])
def test_evaluation_is_exact_over_uneven_batches(batch):
    from exprun.trainer.feed import whole_order

    step = linear_step()
    found = step.evaluate(tf.constant(IMAGES), tf.constant(LABELS), whole_order(20, batch), "evaluation")
    w, b = (v.numpy() for v in step.model.variables)
    p = softmax(IMAGES.reshape(20, -1) / 255.0 @ w + b)
    np.testing.assert_allclose(found.losses, -np.log(p[np.arange(20), LABELS]), rtol=1e-4)
    np.testing.assert_array_equal(found.predictions, p.argmax(axis=1))


@pytest.mark.parametrize("classes", [2, 3])
def test_binary_accuracy_is_that_of_keras(classes):
    from exprun.trainer.feed import whole_order

    step = linear_step("trainer.metrics=[binary_accuracy]", classes=classes)
    labels = (LABELS % classes).astype(np.int32)
    found = step.evaluate(tf.constant(IMAGES), tf.constant(labels), whole_order(20, 7), "evaluation")
    w, b = (v.numpy() for v in step.model.variables)
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state(np.eye(classes)[labels], softmax(IMAGES.reshape(20, -1) / 255.0 @ w + b))
    assert found.more.keys() == {"binary_accuracy"}
    assert found.more["binary_accuracy"].mean() == pytest.approx(float(metric.result()))
    if classes == 2:  # of more, an image counts for each class that it is not, too
        assert found.more["binary_accuracy"].mean() == pytest.approx((found.predictions == labels).mean())


def test_averages_follow_their_formula():
    step = linear_step("trainer.ema=0.9")
    average = step.model.variables[0].numpy()
    order = np.arange(BATCH, dtype=np.int32)[None]
    for number in range(3):
        step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.array([0.5], np.float32), number)
        decay = min(0.9, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * step.model.variables[0].numpy()
    np.testing.assert_allclose(step.averages.values[0].numpy(), average, rtol=1e-5, atol=1e-6)
    before = step.model.variables[0].numpy()
    step.averages.swap()
    np.testing.assert_allclose(step.model.variables[0].numpy(), average, rtol=1e-5, atol=1e-6)
    step.averages.swap()
    np.testing.assert_array_equal(step.model.variables[0].numpy(), before)


def test_a_step_whose_loss_is_not_finite_changes_nothing_and_ends_the_call():
    step = linear_step()
    step.model.variables[0].assign(np.full((16, CLASSES), np.nan))
    bias = step.model.variables[1].numpy()
    order = np.tile(np.arange(BATCH, dtype=np.int32), (5, 1))
    result = step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.full(5, 0.1, np.float32), 0)
    assert len(result.losses) == 1
    assert not result.finite
    np.testing.assert_array_equal(step.model.variables[1].numpy(), bias)


@pytest.mark.parametrize(
    "tta", ["mirror_translate", *(pytest.param(one, marks=pytest.mark.slow) for one in ("none", "mirror"))]
)
def test_views_of_an_image_are_averaged(tta):
    step = linear_step(f"trainer.tta={tta}")
    w, b = (v.numpy() for v in step.model.variables)
    order = np.arange(20, dtype=np.int32)[None]
    found = step.evaluate(tf.constant(IMAGES), tf.constant(LABELS), order, "tta")
    pixels = IMAGES / 255.0
    padded = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    views = [(1.0, pixels)]
    if tta == "mirror_translate":
        views = [(0.5, pixels), (0.25, padded[:, :4, :4]), (0.25, padded[:, 2:, 2:])]
    if tta != "none":
        views = [(weight / 2, view[:, :, ::flip]) for weight, view in views for flip in (1, -1)]
    p = softmax(sum(weight * (view.reshape(20, -1) @ w + b) for weight, view in views))
    np.testing.assert_allclose(found.losses, -np.log(p[np.arange(20), LABELS]), rtol=1e-4)
    plain = step.evaluate(tf.constant(IMAGES), tf.constant(LABELS), order, "evaluation")
    assert np.allclose(plain.losses, found.losses) == (tta == "none")


def test_views_of_images_of_any_size():
    settings = config("trainer.batch_size=8", "trainer.tta=mirror_translate")
    layers = [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(CLASSES)]
    model = keras.Sequential(layers)
    optimizer, scalings = make_optimizer(settings.optim, model, {}), Preprocessing(SCALING, SCALING)
    step = Step(settings, model, optimizer, scalings, Loss(settings, losses_of(settings), None), DEVICE)
    found = step.evaluate(tf.constant(IMAGES), tf.constant(LABELS), np.arange(20, dtype=np.int32)[None], "tta")
    assert np.isfinite(found.losses).all()


def test_many_steps_are_traced_once():
    step = linear_step()
    for steps in (1, 3, 5):
        order = np.tile(np.arange(BATCH, dtype=np.int32), (steps, 1))
        step.train(tf.constant(IMAGES), tf.constant(LABELS), order, np.full(steps, 0.1, np.float32), 0)
    assert step._train.experimental_get_tracing_count() == 1
