"""What calls after the training get: scaled in another way, or in another order."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Finding, Phase
from exprun.doctor.causes import misleading_metric, shuffled_predictions, unscaled_evaluation
from exprun.doctor.diagnosis import ordered
from exprun.doctor.subject import Images
from exprun.doctor.use import Use

RNG = np.random.default_rng(0)
PICTURES = RNG.random((50, 8, 8, 3), np.float32)
BLACK_AND_WHITE = np.round(RNG.random((120, 8, 8, 3))).astype(np.float32)
TABLE = RNG.normal(size=(200, 4)).astype(np.float32)
SERIES = np.cumsum(RNG.normal(size=(200, 12, 1)), axis=1).astype(np.float32)


class NoLayers:
    """A network without layers."""

    def _flatten_layers(self, include_self=True, recursive=True):
        return []


def used(train, *rows, call="predict", **more):
    use = Use(call, "train.py", 7, inputs=[np.asarray(x, np.float32) for x in rows], **more)
    context = context_of(Images(train), phase=Phase.LATER, model=NoLayers())
    causes = (misleading_metric, unscaled_evaluation, shuffled_predictions)
    return [one for cause in causes for one in found(cause, replace(context, use=use))]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("train", "rows", "said"),
    [
        (PICTURES, PICTURES[:20] * 255, "Here, channel"),
        (PICTURES * 2 - 1, PICTURES[:20], "The inputs range from"),
        (PICTURES * 255, PICTURES[:1], "The inputs range from"),
        (PICTURES, PICTURES[:1] * 255, "The inputs range from"),
        (TABLE, unit(TABLE[:40]), "All rows have norm 1 here, but not in training"),
        (unit(TABLE), TABLE[:40], "All rows have norm 1 in training, but not here"),
        (TABLE, TABLE[:40] * 1000, "Here, the rows have mean"),
        (TABLE, TABLE[:1] * 1000, "The inputs range from"),
        (SERIES, SERIES[:20] * 50, "Here, the examples have mean"),
    ],
)
def test_inputs_that_are_scaled_in_another_way(train, rows, said):
    [finding] = used(train, rows)
    assert finding.evidence.startswith(said)
    assert (finding.severity, finding.where, finding.is_later) == ("error", "predict in line 7", True)


@pytest.mark.parametrize(
    ("train", "rows"),
    [
        (PICTURES, PICTURES[:20]),
        (PICTURES, PICTURES[:1] * 0.1),  # a dark picture
        (PICTURES, np.zeros((20, 8, 8, 3))),  # which only shows the shape
        (PICTURES, PICTURES[:20, :4]),
        (PICTURES, PICTURES[:20] * 0.5 + 0.1),
        (TABLE, TABLE[:40] + 0.5),
        (TABLE, TABLE),  # the rows that a scaler was fitted on, and trained on
        (TABLE[:, :1], [[100.0]]),  # a line, continued
        (SERIES, SERIES[:20] + 3),
        (SERIES, SERIES[:20] * 0.1),  # predictions that are fed back
        (np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 200)], TABLE[:5]),
        (PICTURES[:0], PICTURES),
        (np.concatenate([BLACK_AND_WHITE, PICTURES]), BLACK_AND_WHITE[:10]),  # by their nature, most of them
    ],
)
def test_inputs_that_may_differ(train, rows):
    assert used(train, rows) == []


def test_a_scaler_that_is_fitted_again_for_predictions():
    rows = RNG.gamma(2.0, size=(500, 3))
    train, other = ((x - x.mean(0)) / x.std(0) for x in (rows[:400], rows[400:]))
    assert "fitted again" in used(train.astype(np.float32), other)[0].evidence
    assert used(train.astype(np.float32), other, is_whole=False) == []
    assert used(train.astype(np.float32), train) == []


def test_predictions_of_a_pipeline_that_shuffles():
    [finding] = used(TABLE, TABLE[:40], is_shuffled=True)
    assert (finding.cause, finding.severity) == ("shuffled-predictions", "warning")
    assert used(TABLE, TABLE[:40], call="evaluate", is_shuffled=True) == []


def test_calls_after_the_training_explain_no_symptom_of_it():
    later = Finding("unscaled-evaluation", "error", "predict in line 7", "", is_later=True)
    symptom = Finding("loss-at-chance", "warning", "loss", "")
    assert len(ordered([later, symptom])) == 2
    assert len(ordered([replace(later, is_later=False), symptom])) == 1


def test_the_largest_of_one_output_is_always_the_first():
    [finding] = used(TABLE, TABLE[:40], takes_largest_of_one=True)
    assert (finding.cause, finding.severity, finding.is_later) == ("misleading-metric", "error", True)
