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
    assert "of classes that training hardly has (eel)" in unknown.evidence


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


def test_images_that_are_all_alike_are_no_mistake_of_the_probe():
    labels = np.arange(200) % 4
    found = list(
        data.check_labels(images(np.ones((200, 8, 8, 1)), pixels=np.ones((200, 8, 8, 1)), pixel_labels=labels), None)
    )
    assert [f.cause for f in found] == ["shuffled-labels"]


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
    assert causes(data.check_range(amounts(values[:400]), amounts(values[400:]))) == ["unshuffled-data"]
    mixed = np.random.default_rng(1).permutation(values)
    assert not list(data.check_range(amounts(mixed[:400]), amounts(mixed[400:])))
    assert not list(data.check_range(amounts(mixed[:400]), amounts(1e4 * mixed[400:])))  # of another scale
    assert not list(data.check_range(amounts(mixed[:400]), images(np.zeros((100, 2)))))


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
