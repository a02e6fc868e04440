"""Checks of images and labels."""

import numpy as np
import pytest

from exprun.doctor import data
from exprun.doctor.callback import limits_of
from exprun.doctor.leaks import digests as digests_of

LIMITS = limits_of({})


def digits(count=600):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images[:count] * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1), labels[:count]


def images(inputs, **more):
    return data.Images(inputs, **more)


def causes(found):
    return [f.cause for f in found]


def test_values_that_are_not_finite_are_counted():
    x = np.random.default_rng(0).random((10, 4, 4, 1))
    x[3, 0, 0, 0], x[3, 1, 0, 0], x[5, 0, 0, 0] = np.nan, np.inf, np.nan
    [found] = data.check_inputs(images(x), "training")
    assert (found.cause, found.numbers) == ("non-finite-input", {"images": 2, "values": 3.0})
    assert causes(data.check_inputs(images(np.ones((10, 4, 4, 1))), "training")) == ["constant-input"]
    assert not list(data.check_inputs(images(np.random.default_rng(0).random((10, 4, 4, 1))), "training"))


@pytest.mark.parametrize(
    ("counts", "weighted", "expected"),
    [
        ([10, 0, 0], False, ["single-class"]),
        ([95, 5], False, ["class-imbalance"]),
        ([95, 5], True, []),
        ([60, 40], False, []),
        ([30, 30, 40], False, []),
    ],
)
def test_counts_of_classes(counts, weighted, expected):
    assert causes(data.check_classes(np.array(counts), "training", weighted, LIMITS)) == expected


def test_classes_are_called_by_their_names_where_these_are_known():
    counts, names = np.array([5, 95]), ["cat", "dog"]
    [named] = data.check_classes(counts, "training", False, LIMITS, names=names)
    [numbered] = data.check_classes(counts, "training", False, LIMITS)
    assert "95% of 100 labels are class dog, so" in named.evidence
    assert "95% of 100 labels are class 1, so" in numbered.evidence
    [single] = data.check_classes(np.array([0, 9]), "training", False, LIMITS, names=names)
    assert single.evidence == "All 9 labels checked are class dog."
    train, val = (images(np.zeros((1, 1)), counts=np.array(c)) for c in ([50, 50, 0], [10, 10, 40]))
    [unknown] = data.check_split(train, val, [*names, "eel"])
    assert "to classes that hardly occur in training (eel)" in unknown.evidence


def test_scaling_is_compared_channel_by_channel():
    x = np.random.default_rng(0).random((50, 8, 8, 3), np.float32)
    for other, wrong in [(x, False), (x * 255, True), (x - 0.5, True), (x * [1, 1, 3], True), (x * 1.1, False)]:
        assert bool(list(data.check_scaling(x, np.asarray(other), True, LIMITS))) is wrong


def test_labels_that_belong_to_their_images_are_left_alone():
    x, y = digits()
    train, val = (images(x, pixels=x[rows], pixel_labels=y[rows]) for rows in (slice(0, 400), slice(400, 600)))
    assert not list(data.check_labels(train, val))


def test_shuffled_labels_are_an_error_with_a_reference_and_a_suspicion_without():
    x, y = digits()
    wrong = np.random.default_rng(0).permutation(y)
    train = images(x, pixels=x[:400], pixel_labels=wrong[:400])
    val = images(x, pixels=x[400:], pixel_labels=y[400:])
    [found] = data.check_labels(train, val)
    assert (found.cause, found.severity) == ("shuffled-labels", "error")
    assert [f.severity for f in data.check_labels(train, None)] == ["note"]


def test_few_images_say_nothing_about_labels():
    x, y = digits(40)
    wrong = np.random.default_rng(0).permutation(y)
    assert not list(data.check_labels(images(x, pixels=x, pixel_labels=wrong), None))


def test_batches_of_one_class_each():
    ordered = [np.full(32, label) for label in range(4)]
    assert causes(data.check_order(ordered)) == ["unshuffled-data"]
    mixed = [np.random.default_rng(i).integers(0, 4, 32) for i in range(4)]
    assert not list(data.check_order(mixed))
    assert not list(data.check_order([None, None, None]))


def severities(train, val=None):
    splits = [
        None if split is None else images(split[0], pixels=split[0], pixel_labels=split[1]) for split in (train, val)
    ]
    return [f.severity for f in data.check_labels(*splits)]


def xor(rng, count):
    x = rng.uniform(-1, 1, (count, 2))
    return x, x[:, 0] * x[:, 1] > 0


def rings(rng, count):
    x = rng.normal(size=(count, 2))
    return x, np.hypot(x[:, 0], x[:, 1]) > 1.18


def parity(rng, count):
    x = rng.integers(0, 2, (count, 4)) + rng.normal(0, 0.1, (count, 4))
    return x, x.round().sum(1) % 2


def xor_of_pixels(rng, count):
    x, bright = rng.random((count, 6, 6, 1)), rng.integers(0, 2, (2, count))
    x[:, :2, :2, 0] += bright[0, :, None, None]
    x[:, 4:, 4:, 0] += bright[1, :, None, None]
    return x, bright[0] ^ bright[1]


def waves(rng, count):
    y = rng.integers(0, 3, count)
    phases = 2 * np.pi * ((y[:, None] + 2) * np.arange(48) / 24 + rng.random((count, 1)))
    return (np.sin(phases) + rng.normal(0, 0.2, (count, 48)))[..., None], y


def rare(rng, count):
    y = (rng.random(count) < 0.25).astype(int)
    return rng.normal(size=(count, 8)) + 0.7 * y[:, None], y


def many(rng, count):
    y = rng.integers(0, 40, count)
    return np.eye(40)[y].reshape(count, 5, 8, 1) + rng.normal(0, 0.5, (count, 5, 8, 1)), y


@pytest.mark.parametrize("problem", [xor, rings, parity, xor_of_pixels, waves, rare, many])
def test_labels_that_need_more_than_a_linear_answer_are_left_alone_and_shuffled_ones_are_found(problem):
    rng = np.random.default_rng(0)
    x, y = problem(rng, 700)
    y = y.astype(int)
    assert severities((x[:500], y[:500]), (x[500:], y[500:])) == []
    assert severities((x[:500], rng.permutation(y[:500])), (x[500:], y[500:])) == ["error"]


def test_labels_that_belong_to_nothing_in_both_splits_are_a_suspicion():
    rng = np.random.default_rng(0)
    x, y = rng.random((500, 6, 6, 1)), rng.integers(0, 3, 500)
    assert severities((x[:300], y[:300]), (x[300:], y[300:])) == ["note"]


def test_images_unlike_those_of_validation_prove_nothing():
    x, y = digits(800)
    rng = np.random.default_rng(0)
    turned = np.stack([np.rot90(one, rng.integers(4)) for one in x[:110]])
    augmented = np.where(rng.random((110, 1, 1, 1)) < 0.5, 255 - turned, turned)
    assert "error" not in severities((augmented, y[:110]), (x[110:], y[110:]))
    wrong = rng.permutation(y[:110])
    assert severities((augmented, wrong), (x[110:], y[110:])) == ["note"]
    assert severities((x[:110], wrong), (x[110:], y[110:])) == ["error"]


def test_exact_copies_count_once():
    rng = np.random.default_rng(0)
    x, y = digits(400)
    wrong = rng.permutation(y[:200])
    copied = np.tile(x[:200], (4, 1, 1, 1)), np.tile(wrong, 4)  # which each classifier would find again
    assert severities(copied, (x[200:], y[200:])) == ["error"]
    assert severities((np.tile(x[:80], (4, 1, 1, 1)), np.tile(wrong[:80], 4))) == []
    assert severities((np.ones((200, 8, 8, 1)), np.arange(200) % 4)) == []


@pytest.mark.parametrize(("copies", "said"), [(19, ["constant-input"]), (15, [])])
def test_images_that_are_nearly_all_one_and_the_same(copies, said):
    x = np.random.default_rng(0).random((20, 4, 4, 1))
    x[:copies] = x[0]
    assert causes(data.check_inputs(images(x, digests=digests_of(x, np.arange(20))), "training")) == said


@pytest.mark.parametrize(("weights", "said"), [([2.0, 0.2], ["class-imbalance"]), ([0.5, 9.0], []), (None, [])])
def test_class_weights_that_are_upside_down(weights, said):
    weights = None if weights is None else np.array(weights)
    assert causes(data.check_classes(np.array([95, 5]), "training", True, LIMITS, weights)) == said


def amounts(values):
    return images(np.zeros((len(values), 2)), amounts=np.asarray(values)[:, None])


def test_targets_that_go_on_where_those_of_training_end():
    values = np.sort(np.random.default_rng(0).normal(size=500))
    assert causes(data.check_target_range(amounts(values[:400]), amounts(values[400:]))) == ["unshuffled-data"]
    mixed = np.random.default_rng(1).permutation(values)
    assert not list(data.check_target_range(amounts(mixed[:400]), amounts(mixed[400:])))
    assert not list(data.check_target_range(amounts(mixed[:400]), amounts(1e4 * mixed[400:])))  # of another scale
    assert not list(data.check_target_range(amounts(mixed[:400]), images(np.zeros((100, 2)))))


@pytest.mark.parametrize("standard", [False, True])
def test_a_scaler_that_is_fitted_again_on_validation(standard):
    rows = np.random.default_rng(0).gamma(2.0, size=(500, 3))
    train, val = rows[:400], rows[400:]

    def scaled(x, by):
        if standard:
            return images(((x - by.mean(0)) / by.std(0)).astype(np.float32))
        return images(((x - by.min(0)) / np.ptp(by, axis=0)).astype(np.float32))

    assert causes(data.check_refitted(scaled(train, train), scaled(val, val))) == ["unscaled-evaluation"]
    assert not list(data.check_refitted(scaled(train, train), scaled(val, train)))
    assert not list(data.check_refitted(scaled(train, rows), scaled(val, rows)))
    clipped = np.clip(rows, 0.5, 4.0)
    assert not list(data.check_refitted(images(clipped[:400]), images(clipped[400:])))
