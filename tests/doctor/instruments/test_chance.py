"""Loss and accuracy of always giving the same prediction."""

import numpy as np
import pytest
from scipy.special import digamma

from exprun.augment import typical_shares
from exprun.doctor.instruments.chance import ChanceLevel, chance_level, chance_of_several, chance_of_soft, level_of
from exprun.doctor.instruments.objective import Objective

RNG = np.random.default_rng(0)
WORDS = Objective("softmax", True, False, "SparseCategoricalCrossentropy", None)
TAGS = Objective("sigmoid", False, False, "binary_crossentropy", None)
ERROR = Objective("error", False, False, "mse", None)


def squares(outputs, labels):
    return ((outputs - labels) ** 2).reshape(len(labels), -1).mean(1)


def distances(outputs, labels):
    return np.abs(outputs - labels).reshape(len(labels), -1).mean(1)


def entropies(outputs, labels):
    each = -labels * np.log(outputs) - (1 - labels) * np.log(1 - outputs)
    return each.reshape(len(labels), -1).mean(1)


def test_the_loss_at_chance_level_is_the_entropy_of_the_classes():
    assert chance_level(np.array([10, 10])) == ChanceLevel(pytest.approx(np.log(2)), 0.5, 2)
    assert chance_level(np.array([90, 10])).loss == pytest.approx(0.3251, abs=1e-4)
    assert chance_level(np.array([90, 10]), smoothing=1.0).loss == pytest.approx(np.log(2))


def test_the_floor_is_the_entropy_of_mixed_and_smoothed_labels():
    """For shares from Beta(a, a), it is ψ(2a + 1) − ψ(a + 1), in the pairs of images that have two labels."""
    assert chance_level(np.full(10, 5)).floor == 0
    for alpha in (0.2, 1.0, 5.0):
        shares = typical_shares({"mixup": alpha})
        wanted = 0.9 * (digamma(2 * alpha + 1) - digamma(alpha + 1))
        assert chance_level(np.full(10, 5), mixing=shares).floor == pytest.approx(wanted, rel=0.05)
    smoothed = np.array([0.91, *[0.01] * 9])
    level = chance_level(np.full(10, 5), smoothing=0.1)
    assert level.floor == pytest.approx(-(smoothed * np.log(smoothed)).sum())
    assert level.at(0.5) == pytest.approx((level.floor + level.loss) / 2)
    with_both = chance_level(np.full(10, 5), smoothing=0.1, mixing=typical_shares({"mixup": 1.0, "cutmix": 1.0}))
    assert level.floor + 0.2 < with_both.floor < level.floor + 0.45
    focal = chance_level(np.full(10, 5), gamma=2.0, mixing=typical_shares({"mixup": 1.0}))
    assert 0.05 < focal.floor < 0.45


@pytest.mark.parametrize("shape", [(200,), (200, 1), (200, 5), (200, 7, 1)])
def test_the_best_constant_for_squared_errors_is_the_mean(shape):
    targets = RNG.normal(50, 3, shape)
    level = level_of(ERROR, targets, 5 if shape[-1] == 5 else 1, squares)
    wanted = targets.var(0).mean() if shape[-1] == 5 else targets.var()
    assert (level.loss, level.constant, level.error) == (pytest.approx(wanted, rel=1e-3), "mean", 0.0)
    assert level.of_numbers
    assert np.isnan(level.accuracy)
    assert level.described == f"always predicting the mean of the targets gives a loss of {level.loss:,.4g}"


def test_the_best_constant_for_distances_is_the_median():
    targets = RNG.exponential(2, 500)
    level = level_of(ERROR, targets, 1, distances)
    assert (level.constant, level.loss) == (
        "median",
        pytest.approx(np.abs(targets - np.median(targets)).mean(), rel=1e-3),
    )


def test_a_part_of_the_labels_leaves_an_error():
    targets = RNG.normal(size=400)
    level = level_of(ERROR, targets, 1, squares, whole=False)
    assert level.error == pytest.approx(np.sqrt(2 / 400), rel=0.2)


@pytest.mark.parametrize("targets", [np.ones(50), [1.0, 2.0], np.full(50, np.nan), RNG.normal(size=(50, 3))], ids=str)
def test_equal_few_or_broken_targets_have_no_level(targets):
    assert level_of(ERROR, np.asarray(targets), 2 if np.ndim(targets) == 2 else 1, squares) is None


def test_each_of_several_labels_has_its_own_frequency():
    tags = (RNG.random((4000, 3)) < (0.5, 0.1, 0.01)).astype(np.float32)
    level = level_of(TAGS, tags, 3, entropies)
    shares = tags.mean(0)
    wanted = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean()
    assert (level.loss, level.classes) == (pytest.approx(wanted, rel=1e-3), 0)
    assert np.isnan(level.accuracy)
    assert not level.of_numbers
    rows = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 300)]
    assert level_of(TAGS, rows, 3, entropies).accuracy == pytest.approx(rows.mean(0).max())


def test_a_mask_has_the_frequency_of_its_pixels():
    mask = (RNG.random((20, 8, 8, 1)) < 0.2).astype(np.float32)
    level = level_of(TAGS, mask, 1, entropies)
    assert (level.classes, level.accuracy) == (2, pytest.approx(1 - mask.mean()))


def test_a_class_for_each_position_counts_all_positions():
    words = RNG.integers(0, 4, (50, 6))
    level = level_of(WORDS, words, 4, None)
    assert level == chance_level(np.bincount(words.ravel()))
    assert level_of(WORDS, words[..., None], 4, None) == level
    assert level_of(WORDS, words, 3, None) is None
    rows = Objective("softmax", False, False, "CategoricalCrossentropy", None)
    assert level_of(rows, np.eye(4)[words], 4, None).loss == pytest.approx(level.loss)
    skipping = Objective("softmax", True, False, "SparseCategoricalCrossentropy", None, 0)
    assert level_of(skipping, words, 4, None).classes == 4
    assert level_of(skipping, words, 4, None).loss < level.loss


def test_one_class_for_each_row_is_counted():
    for labels in (np.arange(30) % 3, (np.arange(30) % 3)[:, None]):
        assert level_of(WORDS, labels, 3, None) == chance_level(np.array([10, 10, 10]))
    assert level_of(TAGS, np.arange(30) % 2, 1, entropies).loss == pytest.approx(np.log(2))


def focal(outputs, labels, gamma=2):
    each = -((1 - outputs) ** gamma) * labels * np.log(np.maximum(outputs, 1e-7))
    return each.sum(-1).reshape(len(labels), -1).mean(1)


def plain(outputs, labels):
    return focal(outputs, labels, 0)


def smooth(outputs, labels):
    return plain(outputs, 0.7 * labels + 0.3 / labels.shape[-1])


@pytest.mark.parametrize("shape", [(600, 10), (60, 5, 10)])
def test_a_focal_loss_has_a_level_of_its_own(shape):
    rows = np.eye(10, dtype=np.float32)[np.arange(np.prod(shape[:-1])) % 10].reshape(shape)
    objective = Objective("softmax", False, False, "CategoricalFocalCrossentropy", None)
    level = level_of(objective, rows, 10, focal)
    assert (level.loss, level.accuracy, level.classes) == (
        pytest.approx(0.81 * np.log(10), rel=1e-3),
        pytest.approx(0.1),
        10,
    )
    assert level_of(objective, rows, 10, plain).loss == pytest.approx(np.log(10))


def test_a_focal_loss_of_class_numbers_and_of_yes_or_no():
    numbers = np.arange(600) % 3
    level = level_of(WORDS, numbers, 3, lambda p, y: focal(p, np.eye(3)[y.astype(int)]))
    assert level.loss == pytest.approx(np.log(3) * (2 / 3) ** 2, rel=1e-3)
    two = (np.arange(600) % 2).astype(np.float32)
    level = level_of(TAGS, two, 1, lambda p, y: 0.25 * entropies(p, y))
    assert (level.loss, level.accuracy, level.classes) == (pytest.approx(np.log(2) / 4), 0.5, 2)


@pytest.mark.parametrize("counts", [[100, 100, 100], [5, 60, 200]])
def test_the_chance_level_of_a_focal_loss_is_its_lowest_constant(counts):
    shares = np.array(counts) / sum(counts)
    tried = RNG.dirichlet(10 * shares**0.7, 20_000)
    lowest = (-shares * (1 - tried) ** 2 * np.log(tried)).sum(1).min()
    assert chance_level(np.array(counts), gamma=2.0).loss == pytest.approx(lowest, rel=5e-3)


def test_label_smoothing_raises_the_level_of_rare_classes():
    rows = np.eye(2, dtype=np.float32)[(np.arange(600) % 10 == 0).astype(int)]
    level = level_of(Objective("softmax", False, False, "CategoricalCrossentropy", None), rows, 2, smooth)
    assert level.loss > 1.2 * chance_level(np.array([9, 1])).loss


def test_one_event_for_each_row_of_positions_is_no_class():
    events = np.eye(8, dtype=np.float32)[RNG.integers(0, 8, 300)]
    level = level_of(TAGS, events, 1, entropies)
    assert (level.classes, level.accuracy, level.loss) == (2, pytest.approx(7 / 8), pytest.approx(0.3768, abs=1e-3))


def test_shares_that_rounding_moves_above_one_have_a_level():
    shares = np.array([0.0, 0.5, 0.25, 1.0000000000000002] * 9)[:, None].repeat(3, 1)
    assert level_of(TAGS, shares, 3, entropies) is not None


FREQUENCIES = np.array([0.5, 0.2, 0.03])


def several(constants, smoothing, gamma, weights):
    """The mean loss of constant probabilities for labels of these frequencies."""
    present, absent = -np.log(constants), -np.log(1 - constants)
    if gamma:
        present, absent = (1 - constants) ** gamma * present, constants**gamma * absent
    shares = FREQUENCIES * (1 - smoothing / 2) + (1 - FREQUENCIES) * smoothing / 2
    return (shares * weights * present + (1 - shares) * absent).mean()


@pytest.mark.parametrize(
    ("smoothing", "gamma", "weights"),
    [(0.0, 0.0, None), (0.2, 0.0, None), (0.0, 2.0, None), (0.0, 0.0, [1.0, 4.0, 30.0])],
)
def test_no_constant_is_better_than_the_chance_level_of_several_labels(smoothing, gamma, weights):
    level = chance_of_several(FREQUENCIES, smoothing, gamma, weights=None if weights is None else np.array(weights))
    weighted = np.ones(3) if weights is None else np.array(weights)

    def loss(constants):
        return several(constants, smoothing, gamma, weighted)

    # The labels do not depend on each other, so each has its best constant while the others are at 0.5.
    grid, half = np.linspace(0.001, 0.999, 2000), np.full(3, 0.5)
    best = [min(loss(np.where(np.arange(3) == one, constant, half)) for constant in grid) for one in range(3)]
    assert level.loss == pytest.approx(sum(best) - 2 * loss(half), abs=1e-4)
    assert level.accuracy == pytest.approx((0.5 + 0.8 + 0.97) / 3)


def test_the_chance_level_of_soft_labels_is_that_of_their_mean():
    labels = np.random.default_rng(0).dirichlet([5.0, 1.0, 1.0], 400)
    level, mean = chance_of_soft(labels), labels.mean(axis=0)
    assert level.loss == pytest.approx(-(mean * np.log(mean)).sum())
    assert level.floor == pytest.approx(-(labels * np.log(labels)).sum(axis=1).mean(), rel=1e-5)
    assert level.accuracy == (labels.argmax(axis=1) == 0).mean()
    plain = chance_level(np.array([3, 2]))
    assert chance_of_soft(np.eye(2)[[0, 0, 0, 1, 1]]).loss == pytest.approx(plain.loss)
