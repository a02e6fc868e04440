"""Validation images from training, and test images from either."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.causes import leaked_test, leaked_validation
from exprun.doctor.instruments.leaks import Prints, digests
from exprun.doctor.subject import Images


def told(train, val, test=(), **more):
    """The findings about splits of images, each of which is named by a letter."""
    parts = zip(("training", "validation", "test"), (train, val, test), strict=True)
    splits = [Prints(name, tuple(letter.encode() for letter in letters)) for name, letters in parts if letters]
    images = Images(np.zeros((1, 1)))
    context = context_of(images, images, looked_up=lambda: splits, **more)
    return found(leaked_validation, context) + found(leaked_test, context)


@pytest.mark.parametrize(
    ("splits", "causes"),
    [
        (("abcd", "efgh", "ijkl"), []),
        (("abcd", "aefg", "ijkl"), ["leaked-validation"]),
        (("abcd", "efgh", "aijk"), ["leaked-test"]),
        (("abcd", "efgh", "eijk"), ["leaked-test"]),
        (("abcd", "aefg", "aijk"), ["leaked-validation", "leaked-test"]),
        (("abcd", "aefg"), ["leaked-validation"]),
    ],
)
def test_the_later_split_names_the_cause(splits, causes):
    assert [finding.cause for finding in told(*splits)] == causes


@pytest.mark.parametrize(("period", "count"), [(10, 0), (10_000, 1)])
def test_windows_of_a_series_that_repeats_itself(period, count):
    series = np.arange(300, dtype=np.float32) % period
    windows = np.stack([series[at : at + 6] for at in range(290)])[..., None]
    train, val = windows[:200], np.concatenate([windows[:10], windows[200:]])
    splits = [Images(x, digests=digests(x, np.arange(len(x)))) for x in (train, val)]
    assert len(found(leaked_validation, context_of(*splits))) == count


def test_the_evidence_is_about_the_split():
    for finding, name in zip(told("abcd", "aefg", "aijk"), ("validation", "test"), strict=True):
        assert (finding.severity, finding.where) == ("warning", f"{name} rows")
        assert finding.evidence.startswith(f"1 of 4 {name} rows (25%) are exact copies of training rows.")
        assert finding.numbers == {"share": 0.25, "exact": 1, "mirrored": 0, "shifted": 0, "near": 0}


def test_one_threshold_is_for_both():
    assert told("abcd", "aefg", "aijk", limits={"leak": 0.3}) == []


def test_both_causes_share_one_look_at_the_images():
    looks = []
    images = Images(np.zeros((1, 1)))
    context = context_of(images, images, looked_up=lambda: looks.append(1) or [])
    assert found(leaked_validation, context) + found(leaked_test, context) == []
    assert looks == [1]


def test_without_validation_images_nothing_is_compared():
    context = context_of(Images(np.zeros((1, 1))), looked_up=lambda: pytest.fail("looked"))
    assert found(leaked_validation, context) + found(leaked_test, context) == []


def test_the_digests_of_batches_are_enough():
    train, val = (Images(np.zeros((1, 1)), digests=digests) for digests in ((b"a", b"b"), (b"b", b"c")))
    [finding] = found(leaked_validation, context_of(train, val))
    assert finding.evidence == "1 of 2 validation rows (50%) are exact copies of training rows."


def test_rows_that_an_earlier_fit_has_trained_on():
    def check(train, val, earlier):
        train, val = (
            Images(np.zeros((1, 1)), digests=tuple(letter.encode() for letter in one)) for one in (train, val)
        )
        return found(leaked_validation, context_of(train, val, earlier=frozenset(one.encode() for one in earlier)))

    [finding] = check("abcd", "efgh", "efxyz")
    assert (finding.severity, finding.numbers) == ("warning", {"share": 0.5, "exact": 2})
    assert "has trained the same network on 2 of 4 validation rows (50%)" in finding.evidence
    assert "compile the network again" in finding.keras
    assert check("abcd", "efgh", "abcd") == []
    assert check("abcd", "efgh", "") == []
    [finding] = check("abcd", "aefg", "aefg")  # this fit's own leak says more
    assert "exact copies of training rows" in finding.evidence


TABLES = {
    "truth table": lambda rng: rng.integers(0, 2, (400, 8)),
    "categories": lambda rng: np.eye(4)[rng.integers(0, 4, (400, 4))],
    "one whole number": lambda rng: rng.integers(0, 60, (400, 1)),
}
COPIED = {
    "numbers": lambda rng: np.tile(rng.normal(size=(150, 4)), (3, 1)),
    "images": lambda rng: np.tile(rng.integers(0, 17, (150, 8, 8, 1)), (3, 1, 1, 1)),
    "rounded numbers": lambda rng: np.tile(rng.normal(size=(150, 6)).round(1), (3, 1)),
}


def split(rows):
    rows = np.random.default_rng(1).permutation(rows).astype(np.float32)
    parts = rows[:300], rows[300:]
    train, val = (Images(part, digests=digests(part, np.arange(len(part)))) for part in parts)
    earlier = frozenset(train.digests)
    other = Images(rows[:300] + 0.25, digests=digests(rows[:300] + 0.25, np.arange(300)))
    return context_of(train, val), context_of(replace(other, inputs=train.inputs), val, earlier=earlier)


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_few_values_have_equal_rows_by_luck(table):
    for context in split(TABLES[table](np.random.default_rng(0))):
        assert found(leaked_validation, context) == []


@pytest.mark.parametrize("table", COPIED)
def test_copies_of_rows_that_are_not_equal_by_luck(table):
    for context in split(COPIED[table](np.random.default_rng(0))):
        assert len(found(leaked_validation, context)) == 1


def test_images_of_one_colour_are_no_copies_of_each_other():
    rng = np.random.default_rng(0)
    train, val = (rng.random((40, 6, 6, 1)).astype(np.float32) for _ in range(2))
    splits = [Images(x, digests=digests(x, np.arange(len(x)))) for x in (train, val)]
    train[:4], val[:4] = 0, 0
    empty = [Images(x, digests=digests(x, np.arange(len(x)))) for x in (train, val)]
    val[:4] = train[4:8]
    copied = [empty[0], Images(val, digests=digests(val, np.arange(len(val))))]
    assert [found(leaked_validation, context_of(*both)) != [] for both in (splits, empty, copied)] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (
            lambda x: x[:, :, ::-1],
            "10 of 40 validation images (25%) are mirrored or rotated copies of training images.",
        ),
        (lambda x: np.roll(x, 1, 2), "10 of 40 validation images (25%) are shifted copies of training images."),
        (lambda x: x * 2 + 0.5, None),
    ],
)
def test_images_that_were_augmented_before_the_split(altered, said):
    rng = np.random.default_rng(0)
    train, val = (rng.random((count, 12, 12, 1), np.float32) for count in (60, 30))
    val = np.concatenate([val, altered(train[:10])]).astype(np.float32)
    splits = [Images(x, digests=digests(x, np.arange(len(x)))) for x in (train, val)]
    assert [one.evidence for one in found(leaked_validation, context_of(*splits))] == ([] if said is None else [said])
