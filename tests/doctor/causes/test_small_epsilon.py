"""small-epsilon: an epsilon of the optimiser that the precision of the weights turns into 0."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import small_epsilon
from exprun.doctor.subject import Pace


def check(precisions, epsilon):
    model = SimpleNamespace(trainable_variables=[SimpleNamespace(dtype=precision) for precision in precisions])
    pace = Pace("adam", np.array([1e-3]), None, 32, epsilon=epsilon)
    return found(small_epsilon, context_of(phase=Phase.SETUP, model=model, pace=pace))


def test_half_precision_with_the_default_epsilon():
    [finding] = check(["float16"] * 4, 1e-7)
    assert (finding.severity, finding.where) == ("error", "optimiser")
    assert finding.evidence.endswith("of float16 is 6.1e-05, and 4 of 4 variables have this precision.")


def test_no_epsilon_in_full_precision():
    [finding] = check(["float32"], 0.0)
    assert finding.severity == "warning"
    assert finding.keras == "leave epsilon at its default, 1e-7."


@pytest.mark.parametrize(
    ("precision", "epsilon"), [("float32", 1e-7), ("bfloat16", 1e-7), ("float16", 1e-3), ("float16", None)]
)
def test_an_epsilon_that_is_large_enough_or_that_the_optimiser_does_not_have(precision, epsilon):
    assert check([precision], epsilon) == []


def test_a_subject_without_settings():
    assert found(small_epsilon, context_of(phase=Phase.SETUP)) == []
