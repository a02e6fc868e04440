"""Labels of a single class, and of one class that most images belong to."""

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import class_imbalance, single_class
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.subject import Images


def counted(counts, **more):
    context = context_of(Images(np.zeros((1, 1)), counts=np.array(counts)), **more)
    return found(single_class, context) + found(class_imbalance, context)


@pytest.mark.parametrize(
    ("counts", "weighted", "expected"),
    [
        ([10, 0, 0], False, ["single-class"]),
        ([10, 0, 0], True, ["single-class"]),
        ([95, 5], False, ["class-imbalance"]),
        ([95, 5], True, []),
        ([60, 40], False, []),
        ([30, 30, 40], False, []),
        ([1, 0], False, []),
        ([10], False, []),
    ],
)
def test_counts_of_classes(counts, weighted, expected):
    assert [f.cause for f in counted(counts, weighted=weighted)] == expected


def test_a_truth_table_may_have_a_frequent_class():
    assert [f.severity for f in counted([1, 7])] == ["note"]


def test_the_threshold_decides():
    assert counted([70, 30]) == []
    [finding] = counted([78, 22], limits={"frequent_class": 0.77})
    assert (finding.severity, finding.where, finding.numbers) == ("warning", "training labels", {"share": 0.78})
    assert counted([70, 30], limits={"frequent_class": 0.6}) == []  # not 1.5 times as many as half of the images


def test_numbers_to_predict_have_no_classes():
    context = context_of(Images(np.zeros((1, 1))))
    assert found(single_class, context) + found(class_imbalance, context) == []


def test_classes_are_called_by_their_names_where_these_are_known():
    names = ["cat", "dog"]
    [named], [numbered] = counted([5, 95], classes=names), counted([5, 95])
    assert "95% of 100 labels are class dog, so always predicting it has an accuracy of 95%." in named.evidence
    assert "95% of 100 labels are class 1, so" in numbered.evidence
    [single] = counted([0, 9], classes=names)
    assert single.evidence == "All 9 labels checked are class dog."


@pytest.mark.parametrize(("weights", "said"), [([2.0, 0.2], ["class-imbalance"]), ([0.5, 9.0], []), (None, [])])
def test_class_weights_that_are_upside_down(weights, said):
    weights = None if weights is None else np.array(weights)
    findings = counted([95, 5], weighted=True, class_weights=weights)
    assert [f.cause for f in findings] == said
    assert all("has the weight 2, but other rows have 0.2 on average" in f.evidence for f in findings)


def test_maps_that_hold_one_value():
    empty = context_of(Images(np.zeros((10, 1))), labels=np.zeros((10, 4, 4, 1)))
    [finding] = found(single_class, empty)
    assert (finding.severity, "All 160 values of 10 labels checked are 0." in finding.evidence) == ("error", True)
    mask = np.zeros((10, 4, 4, 1))
    mask[3, 1, 1] = 1
    assert found(single_class, context_of(Images(np.zeros((10, 1))), labels=mask)) == []
    assert found(single_class, context_of(Images(np.zeros((3, 1))), labels=np.zeros((3, 4, 4, 1)))) == []


@pytest.mark.parametrize(("other", "causes"), [(0, ["single-class"]), (1, [])])
def test_labels_of_one_class_apart_from_those_that_the_loss_skips(other, causes):
    masks = np.zeros((10, 4, 4), np.int64)
    masks[:, 0], masks[:, 1] = 255, other
    objective = Objective("softmax", True, True, "crossentropy", lambda outputs, labels: 0.0, ignored=255)
    findings = found(single_class, context_of(Images(np.zeros((10, 1))), labels=masks, objective=objective))
    assert [f.cause for f in findings] == causes
    assert all(
        "All 120 labels checked that the loss uses are class 0; it skips the others, 25%" in f.evidence
        for f in findings
    )


def test_positions_usually_have_a_frequent_class():
    pixels = np.zeros((50, 4, 4), np.int64)
    assert [f.severity for f in counted([950, 50], labels=pixels)] == ["note"]


class Chance:
    loss, shortly = 0.2, "chance level is a loss of 0.200"

    @staticmethod
    def shown(loss):
        return f"{loss:.3f}"


@pytest.mark.parametrize(
    ("found_one", "loss", "said"), [(False, 0.2, True), (True, 0.2, False), (False, 0.4, False)], ids=str
)
@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_positions_that_all_get_the_frequent_class(kind, found_one, loss, said, monkeypatch):
    labels = np.zeros((10, 4, 4, 1))
    labels[:, 0, 0] = 1
    outputs = labels * 0.9 if found_one else labels * 0.1
    if kind == "softmax":
        outputs = np.concatenate([1 - outputs, outputs], -1)
    objective = Objective(kind, True, False, "loss", lambda outputs, labels: labels)
    train = Images(np.zeros((10, 4, 4, 1), np.float32))
    context = context_of(train, phase=Phase.END, labels=labels, objective=objective)
    context.evaluated = Pass([], outputs)
    context.history.chance = Chance()
    context.history.record_steps(np.full(9, loss), np.full(9, np.nan))
    assert [f.severity for f in found(class_imbalance, context)] == ["warning"] * said
