"""repeated-batches: training batches that all hold the same images."""

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.causes import constant_input, repeated_batches
from exprun.doctor.instruments.leaks import digests
from exprun.doctor.subject import Images

SIZE = 8


def batch(seed):
    return np.random.default_rng(seed).random((SIZE, 4, 4, 1), np.float32)


def context(batches, classes=True, known=None):
    """The context after an epoch whose batches were kept.

    Args:
        batches: the images of each batch.
        classes: whether the labels are classes.
        known: the number of images that have digests; None for all of them.
    """
    x = np.concatenate(batches)
    labels = [np.arange(len(one)) % 3 if classes else None for one in batches]
    return context_of(Images(x, digests=digests(x, np.arange(len(x)))[:known]), batches=labels)


def check(*args, **more):
    return found(repeated_batches, context(*args, **more))


def test_batches_of_the_same_images():
    [finding] = check([batch(0)] * 5)
    assert (finding.cause, finding.severity, finding.where) == ("repeated-batches", "warning", "training batches")
    assert finding.evidence.startswith("All 5 batches checked hold the same 8 images, bit for bit.")
    assert finding.numbers == {"batches": 5, "images": 8}


def test_the_order_within_a_batch_does_not_matter():
    assert check([batch(0), batch(0)[::-1], np.roll(batch(0), 3, axis=0)])


def test_labels_need_not_be_classes():
    assert check([batch(0)] * 3, classes=False)


@pytest.mark.parametrize(
    "batches",
    [
        [batch(seed) for seed in range(5)],
        [*[batch(0)] * 4, batch(1)],
        [batch(0)] * 2,  # too few
        [*[batch(0)] * 4, batch(0)[:4]],  # the last batch is smaller
        [np.concatenate([batch(0)[:-1], batch(seed)[-1:]]) for seed in range(5)],  # one image differs
        [np.concatenate([batch(0), batch(0)[:count]]) for count in (1, 2, 3)],  # sizes differ
    ],
)
def test_other_batches(batches):
    assert check(batches) == []


def test_an_array_that_is_smaller_than_a_batch():
    assert check([batch(0)[:5]]) == []  # one batch in an epoch


def test_data_that_are_known_as_a_whole():
    x = np.concatenate([batch(0)] * 5)
    assert found(repeated_batches, context_of(Images(x, digests=digests(x, np.arange(len(x)))))) == []


def test_batches_without_images():
    assert found(repeated_batches, context_of(batches=[None] * 3)) == []


def test_large_images_of_which_some_have_no_digest():
    [finding] = check([batch(0)] * 6, known=3 * SIZE + 1)
    assert finding.numbers == {"batches": 3, "images": 8}
    assert check([batch(0)] * 6, known=3 * SIZE - 1) == []


def test_images_that_are_all_the_same_are_another_cause():
    same = context([np.ones((SIZE, 4, 4, 1), np.float32)] * 5)
    assert found(repeated_batches, same) == []
    assert found(constant_input, same)
