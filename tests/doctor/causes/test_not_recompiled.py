"""What a step has trained against what is trainable."""

import pytest

from doctor.contexts import context_of, found
from doctor.layer_fakes import dense
from exprun.doctor.cause import Phase
from exprun.doctor.causes import not_recompiled
from exprun.doctor.instruments.trained import Trained

BASE = [dense(name="base")]


@pytest.mark.parametrize(
    ("trained", "where", "said"),
    [
        (Trained("forgotten", 2, BASE, 4, 2), "layer base", "2 of 4 trainable variables are neither known"),
        (Trained("frozen", 1, BASE, 2, 3), "layer base", "1 variable is frozen now but still changed by the step: it"),
        (Trained("frozen", 2, BASE, 2, 4), "layer base", "2 variables are frozen now but still changed by the step: t"),
        (Trained("unknown", 4, [], 4, 3), "training step", "4 of 4 trainable variables are not among the 3 that the"),
    ],
)
def test_each_kind_of_difference_has_its_sentence(trained, where, said):
    context = context_of(phase=Phase.FIRST_STEP)
    context.trained, context.step = trained, 3
    (finding,) = found(not_recompiled, context)
    severity = "warning" if trained.fault == "frozen" else "error"
    assert (finding.severity, finding.where, finding.step) == (severity, where, 3)
    assert finding.evidence.startswith(said)
    assert ("with a new optimiser" in finding.keras) == (trained.fault == "unknown")


def test_a_step_that_trains_what_is_trainable():
    assert found(not_recompiled, context_of(phase=Phase.FIRST_STEP)) == []
