"""Values that are not finite, and images that are all the same."""

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import constant_input, non_finite_input
from exprun.doctor.instruments.leaks import digests
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.subject import Images


def noise(count=10):
    return np.random.default_rng(0).random((count, 4, 4, 1), np.float32)


def broken():
    x = noise()
    x[3, 0, 0, 0], x[3, 1, 0, 0], x[5, 0, 0, 0] = np.nan, np.inf, np.nan
    return x


def test_values_that_are_not_finite_are_counted():
    [finding] = found(non_finite_input, context_of(Images(broken())))
    assert (finding.severity, finding.where) == ("error", "training images")
    assert finding.numbers == {"images": 2, "values": 3.0}
    assert finding.evidence == "2 of 10 images checked contain NaN or infinity."
    assert found(non_finite_input, context_of(Images(noise()), Images(noise()))) == []


def test_each_split_is_examined():
    [finding] = found(non_finite_input, context_of(Images(noise()), Images(broken()[:4])))
    assert finding.where == "validation images"
    assert finding.evidence == "1 of 4 images checked contains NaN or infinity."
    [finding] = found(constant_input, context_of(Images(broken()), Images(np.ones((10, 4, 4, 1)))))
    assert finding.where == "validation images"


@pytest.mark.parametrize(
    ("labels", "outputs", "said"),
    [
        ([1.0, np.nan, np.inf, 2.0], np.zeros((4, 1)), ["2 label values are NaN or infinite."]),
        ([1.0, 0.0, 3.0, 2.0], np.zeros((4, 1)), []),
        ([1.0, np.nan, np.inf, 2.0], np.zeros((4, 8, 8, 1)), []),
    ],
)
def test_labels_of_the_first_batch(labels, outputs, said):
    objective = Objective("error", False, False, "mse", lambda outputs, labels: labels)
    context = context_of(phase=Phase.FIRST_BATCH, labels=labels, objective=objective)
    context.__dict__["forward"] = Pass([], outputs)
    findings = found(non_finite_input, context)
    assert [f.evidence for f in findings] == said
    assert all((f.where, f.keras) == ("labels", non_finite_input.CLEAN_LABELS) for f in findings)


def test_labels_without_a_known_loss_are_not_judged():
    assert found(non_finite_input, context_of(phase=Phase.FIRST_BATCH, labels=[1.0, np.nan])) == []


def test_images_that_are_all_the_same():
    [finding] = found(constant_input, context_of(Images(np.ones((10, 4, 4, 1)))))
    assert (finding.severity, finding.where, finding.numbers) == ("error", "training images", {"spread": 0.0})
    assert found(constant_input, context_of(Images(noise()), Images(noise()))) == []
    assert found(constant_input, context_of(Images(np.ones((1, 4, 4, 1))))) == []  # one image is equal to itself
    assert found(constant_input, context_of(Images(np.ones((9, 3)))))[0].severity == "note"  # a person tries them out


def test_images_that_are_not_finite_are_not_called_constant():
    x = np.full((20, 4, 4, 1), np.nan)
    same = Images(x, digests=digests(x, np.arange(20)))
    assert found(constant_input, context_of(same)) == []


@pytest.mark.parametrize(("copies", "said"), [(19, ["constant-input"]), (15, [])])
def test_images_that_are_nearly_all_one_and_the_same(copies, said):
    x = noise(20)
    x[:copies] = x[0]
    findings = found(constant_input, context_of(Images(x, digests=digests(x, np.arange(20)))))
    assert [f.cause for f in findings] == said
