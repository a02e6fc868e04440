"""A few images that a network cannot memorise."""

import numpy as np
import pytest

from doctor.passes import MSE, TEN, YES_OR_NO, context_of, findings, layer, model_of
from exprun.doctor.cause import Phase
from exprun.doctor.causes import cannot_overfit


def trained(losses, objective=TEN, labels=None):
    """A context of a network that has these losses on a few images."""
    model = model_of(layer("Dense"))
    model.output_shape = (None, 10)
    labels = np.arange(20) % 10 if labels is None else labels
    context = context_of(
        outputs=np.zeros((20, 10)), labels=labels, objective=objective, model=model, phase=Phase.MEMORY
    )

    def memorised(images, seconds, is_enough):
        made = []
        for loss in losses:
            made.append(loss)
            if is_enough(made):
                break
        return made

    context.memorised = memorised
    return context


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([2.3] * 40, "In 30 steps on 16 training rows alone, the loss of these rows has gone from 2.300 to 2.300"),
        ([2.3] * 13, "In 12 steps"),
        ([2.3] * 12, None),  # too few steps fitted into the time
        ([2.3] * 20 + [2.0], None),
        (np.linspace(2.3, 2.1, 31), "from 2.300 to 2.100"),
        ([0.6] * 40, None),  # it knows these images already
        ([], None),
    ],
)
def test_a_loss_that_hardly_falls_on_a_few_images(losses, said):
    found = findings(cannot_overfit, trained(list(losses)))
    assert [said in f.evidence for f in found] == ([] if said is None else [True])


@pytest.mark.parametrize(
    ("objective", "labels"), [(None, None), (MSE, None), (TEN, np.zeros(20)), (YES_OR_NO, np.ones((20, 1)))]
)
def test_a_loss_that_need_not_fall(objective, labels):
    assert findings(cannot_overfit, trained([2.3] * 40, objective, labels)) == []


def test_a_frozen_network_memorises_nothing():
    context = trained([2.3] * 40)
    context.model.trainable_variables = []
    assert findings(cannot_overfit, context) == []
