"""Data sets that were sorted when they were split or batched."""

from dataclasses import replace

import numpy as np

from doctor.contexts import context_of, found
from exprun.doctor.causes import unshuffled_data
from exprun.doctor.subject import Images


def split(train, val, **more):
    parts = (Images(np.zeros((1, 1)), counts=np.array(counts)) for counts in (train, val))
    return found(unshuffled_data, context_of(*parts, **more))


def test_classes_that_training_lacks():
    [finding] = split([50, 50, 0], [10, 10, 40])
    assert (finding.severity, finding.where) == ("error", "validation labels")
    assert "67% of the validation rows belong to classes that hardly occur in training (2)" in finding.evidence
    [finding] = split([50, 50, 0], [10, 10, 40], classes=["cat", "dog", "eel"])
    assert "to classes that hardly occur in training (eel)" in finding.evidence
    assert split([50, 50], [10, 10, 40])[0].numbers == finding.numbers
    assert split([50, 50, 80], [10, 10, 40]) == []
    assert split([50, 50, 0], [5, 5, 10]) == []  # few images


def test_validation_images_of_one_class():
    [finding] = split([400, 100], [0, 125])
    assert (finding.severity, finding.where) == ("warning", "validation labels")
    assert finding.evidence.startswith("All 125 validation rows are of class 1, which has only 36% of the rows")
    assert split([60, 20], [0, 20])  # few images are enough
    assert split([400, 100], [1, 124]) == []
    assert split([60, 20], [0, 5]) == []  # luck
    assert split([0, 100], [0, 25]) == []  # there is no other class
    train, val = Images(np.zeros((1, 1)), np.array([400, 100])), Images(np.zeros((1, 1)), np.array([0, 125]))
    val = replace(val, is_representative=False)  # the first ones of a split that is sorted
    assert found(unshuffled_data, context_of(train, val)) == []


def amounts(values):
    return Images(np.zeros((len(values), 2)), amounts=np.asarray(values)[:, None])


def targets(train, val):
    return found(unshuffled_data, context_of(amounts(train), amounts(val)))


def test_targets_that_go_on_where_those_of_training_end():
    values = np.sort(np.random.default_rng(0).normal(size=500))
    [finding] = targets(values[:400], values[400:])
    assert (finding.severity, finding.where) == ("warning", "validation labels")
    assert "forecast" in finding.keras
    mixed = np.random.default_rng(1).permutation(values)
    assert targets(mixed[:400], mixed[400:]) == []
    assert targets(mixed[:400], 1e4 * mixed[400:]) == []  # of another scale
    assert found(unshuffled_data, context_of(amounts(mixed[:400]), Images(np.zeros((100, 2))))) == []
    assert found(unshuffled_data, context_of(amounts(mixed[:400]))) == []


def test_batches_of_one_class_each():
    ordered = [np.full(32, label) for label in range(4)]
    [finding] = found(unshuffled_data, context_of(batches=ordered))
    assert (finding.severity, finding.where) == ("error", "training batches")
    assert finding.numbers == {"share": 1.0, "overall": 0.25}
    mixed = [np.random.default_rng(i).integers(0, 4, 32) for i in range(4)]
    for batches in (mixed, ordered[:2], [None, None, None]):
        assert found(unshuffled_data, context_of(batches=batches)) == []


def test_the_split_is_named_before_the_batches():
    train, val = (Images(np.zeros((1, 1)), counts=np.array(counts)) for counts in ([90, 90, 0], [0, 0, 90]))
    ordered = [np.full(32, label) for label in range(4)]
    findings = found(unshuffled_data, context_of(train, val, batches=ordered))
    assert [f.where for f in findings] == ["validation labels", "training batches"]


def in_batches(*tops):
    batches = [np.full(16, top) for top in tops]
    context = context_of(Images(np.zeros((1, 1))), batches=batches)
    return found(unshuffled_data, context)


def test_batches_of_two_classes_in_turn_are_those_of_adversarial_networks():
    assert len(in_batches(*[0] * 10, *[1] * 10)) == 1
    assert in_batches(*[0, 1] * 10) == []
    assert len(in_batches(*[0, 1] * 2)) == 1  # of sorted data, with a class in each batch
    assert len(in_batches(*[0, 1, 2] * 10)) == 1


def test_a_data_set_that_is_sorted_in_parts():
    rng = np.random.default_rng(0)
    mixed = [rng.integers(0, 6, 32) for _ in range(30)]
    drifting = [rng.choice(6, 32, p=np.roll([0.5, 0.1, 0.1, 0.1, 0.1, 0.1], number // 10)) for number in range(30)]
    [finding] = found(unshuffled_data, context_of(in_order=drifting))
    assert (finding.severity, finding.where) == ("warning", "training batches")
    assert 0.3 < finding.numbers["moved"] < 0.5
    for batches in (mixed, drifting[:6], [batch[:4] for batch in drifting], drifting[:10] * 3):
        assert found(unshuffled_data, context_of(in_order=batches)) == []


def test_batches_of_data_that_is_shuffled_only_in_parts():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(9), 130)
    parts = [rng.permutation(labels[start : start + 256]) for start in range(0, len(labels), 256)]
    batches = np.split(np.concatenate(parts), range(32, len(labels), 32))
    [finding] = found(unshuffled_data, context_of(batches=batches))
    assert (finding.severity, finding.where) == ("warning", "training batches")
    assert "37 batches have" in finding.evidence
    assert "of 9 classes each" in finding.evidence
    mixed = np.split(rng.permutation(labels), range(32, len(labels), 32))
    assert found(unshuffled_data, context_of(batches=mixed)) == []
    episodes = [rng.choice(rng.choice(9, 3, replace=False), 32) for _ in range(37)]  # of a few classes that are drawn
    assert found(unshuffled_data, context_of(batches=episodes)) == []
    assert found(unshuffled_data, context_of(batches=batches[:11])) == []  # too few
    tiny = [rng.integers(0, 9, 4) for _ in range(60)]  # no two batches are alike
    assert found(unshuffled_data, context_of(batches=tiny)) == []
