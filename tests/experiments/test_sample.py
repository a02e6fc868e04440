"""The rows of experiments, and the score of predictions."""

from dataclasses import replace

import numpy as np
import pytest

from exprun.experiments.reference import references
from exprun.experiments.sample import class_numbers, sample_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (RNG.integers(0, 3, 200), "classes"),
        (np.eye(3)[RNG.integers(0, 3, 200)], "classes"),
        (RNG.integers(0, 2, (200, 1)).astype(float), "classes"),
        (RNG.normal(size=200), "numbers"),
        (RNG.normal(size=(200, 2)), "numbers"),
        (RNG.integers(0, 5000, 200), "numbers"),
        (RNG.integers(-3, 3, 200), "numbers"),
    ],
)
def test_the_task_is_read_from_the_targets(targets, task):
    assert sample_of(np.zeros((200, 4)), targets, None).task == task


@pytest.mark.parametrize("targets", [np.full(200, np.nan), np.zeros(3)])
def test_without_usable_targets_there_is_no_sample(targets):
    assert sample_of(np.zeros((len(targets), 4)), targets, None) is None


def test_rows_are_held_out_if_there_is_no_validation_set():
    x = np.arange(200.0)[:, None]
    sample = sample_of(x, x[:, 0], None)
    assert len(sample.test_x) == 50
    assert not set(sample.x.ravel()) & set(sample.test_x.ravel())
    given = sample_of(x, x[:, 0], (x[:20] + 0.5, x[:20, 0]))
    assert (len(given.x), len(given.test_x)) == (200, 20)


def test_guessing_scores_0_and_perfect_predictions_score_1():
    y = np.repeat([0, 0, 0, 1], 50)
    sample = sample_of(np.zeros((200, 1)), y, (np.zeros((200, 1)), y))
    assert sample.score(np.zeros(200)) == 0
    assert sample.score(sample.test_y) == 1
    assert sample.score(1 - sample.test_y) == pytest.approx(-3)
    numbers = RNG.normal(5, 2, 200)
    sample = sample_of(np.zeros((200, 1)), numbers, (np.zeros((200, 1)), numbers))
    assert sample.score(np.full((200, 1), numbers.mean())) == pytest.approx(0, abs=0.02)
    assert sample.score(sample.test_y) == 1
    assert sample.score(np.full(200, np.nan)) == -np.inf


def test_whole_numbers_that_a_network_predicts_as_numbers_are_no_classes():
    ages = RNG.integers(3, 9, 200)
    assert sample_of(np.zeros((200, 4)), ages, None).task == "classes"
    assert sample_of(np.zeros((200, 4)), ages, None, task="numbers").task == "numbers"


def test_rows_of_large_images_are_fewer():
    large = np.broadcast_to(np.float32(0), (900, 500, 500, 3))
    assert len(sample_of(large, np.arange(900) % 3, None).x) == 34


def test_class_numbers_of_rows_and_numbers():
    assert class_numbers(np.eye(3)[[2, 0]]).tolist() == [2, 0]
    assert class_numbers(np.array([[2.0], [0.0]])).tolist() == [2, 0]


def test_many_targets_are_scored_together_because_some_hardly_vary():
    pixels = np.concatenate(
        [RNG.normal(size=(200, 20)), np.full((200, 20), 0.1) + 1e-6 * RNG.normal(size=(200, 20))], 1
    )
    sample = sample_of(np.zeros((200, 1)), pixels, (np.zeros((200, 1)), pixels))
    assert sample.score(sample.test_y + 0.01) > 0.99


def test_each_position_of_a_row_may_have_a_class():
    words = RNG.integers(0, 3, (200, 5))
    for targets, axes in ((words, 3), (words[..., None], 3), (np.eye(3)[words], 3), (words.reshape(200, 5, 1), 3)):
        sample = sample_of(np.zeros((200, 5)), targets, (np.zeros((200, 5)), targets), axes=axes)
        assert (sample.task, sample.classes) == ("classes", 3)
        assert sample.score(sample.numbers(sample.test_y)) == 1
        assert sample.score(np.zeros(words.size)) < 0.2
    mask = sample_of(np.zeros((200, 4, 4, 1)), RNG.integers(0, 2, (200, 4, 4)), None, axes=4)
    assert (mask.task, mask.classes, mask.numbers(mask.y).size) == ("classes", 2, mask.y.size)
    pictures = RNG.normal(size=(200, 4, 4, 3))
    assert sample_of(pictures, pictures, None, axes=4).task == "numbers"


def test_rows_that_are_not_finite_are_trained_on_but_not_tested():
    x, y = np.zeros((200, 2)), RNG.integers(0, 2, 200).astype(float)
    x[::4, 0], y[1::4] = np.nan, np.inf
    sample = sample_of(x, y, None)
    assert np.isfinite(sample.test_x).all()
    assert np.isfinite(sample.test_y).all()
    assert len(sample.test_x) < 40
    assert not np.isfinite(sample.x).all()
    assert sample.task == "classes"


def test_a_network_may_take_full_batches_only():
    sample = sample_of(np.zeros((200, 4)), RNG.integers(0, 3, 200), None).in_batches(32)
    assert (len(sample.x), len(sample.y), len(sample.test_x), len(sample.test_y)) == (128, 128, 32, 32)


def test_the_loss_decides_whether_whole_numbers_are_classes():
    many = RNG.integers(0, 500, 300)  # too many to be taken for classes
    assert sample_of(np.zeros((300, 4)), many, None).task == "numbers"
    assert sample_of(np.zeros((300, 4)), many, None, task="classes").task == "classes"
    assert sample_of(np.zeros((300, 4)), many + 0.5, None, task="classes").task == "numbers"


def test_rows_stay_in_the_order_of_the_script():
    x = np.arange(200.0)[:, None]
    assert np.all(np.diff(sample_of(x, x[:, 0], None).x[:, 0]) > 0)


def test_with_class_weights_each_class_counts_as_much():
    y = np.repeat([0, 0, 0, 1], 50)
    sample = replace(sample_of(np.zeros((200, 1)), y, (np.zeros((200, 1)), y)), is_balanced=True)
    assert sample.score(np.zeros(200)) == 0
    assert sample.score(sample.test_y) == 1
    assert sample.score(1 - sample.test_y) == -1


def test_a_truth_table_is_trained_on_and_tested_whole():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    sample = sample_of(x, y, None)
    assert sample.is_whole
    assert np.array_equal(sample.x, sample.test_x)
    assert (sample.score(y), sample.noise) == (1.0, 0.0)
    assert list(references(sample, 5.0)) == []
    assert sample_of(x[:3], y[:3], None) is None
    assert not sample_of(np.repeat(x, 5, 0), np.repeat(y, 5), None).is_whole
