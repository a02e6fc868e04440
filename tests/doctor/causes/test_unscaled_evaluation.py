"""Inputs that are scaled differently in evaluation, and a scaler that was fitted twice."""

import numpy as np
import pytest

from doctor.contexts import context_of, found
from exprun.doctor.causes import unscaled_evaluation
from exprun.doctor.subject import Images


def scaled(train, val=None, evaluated=None):
    val = None if val is None else Images(np.asarray(val))
    return found(unscaled_evaluation, context_of(Images(train), val, train_as_evaluated=evaluated))


def test_scaling_is_compared_channel_by_channel():
    x = np.random.default_rng(0).random((50, 8, 8, 3), np.float32)
    for other, wrong in [(x, False), (x * 255, True), (x - 0.5, True), (x * [1, 1, 3], True), (x * 1.1, False)]:
        assert bool(scaled(x, evaluated=np.asarray(other))) is wrong
    [finding] = scaled(x, evaluated=np.asarray(x * [1, 1, 3]))
    assert (finding.severity, finding.where) == ("error", "validation images")
    assert finding.evidence.startswith("In evaluation, channel 2 (counted from 0) has mean 1.5 and standard deviation")
    assert "In evaluation, the images have mean" in scaled(x[..., :1], evaluated=x[..., :1] * 255)[0].evidence


def test_other_images_may_differ_more():
    x = np.random.default_rng(0).random((50, 8, 8, 1), np.float32)
    wider = (x - 0.5) * 1.7 + 0.5
    assert len(scaled(x, evaluated=wider)) == 1
    assert scaled(x, wider) == []
    assert len(scaled(x, x * 255)) == 1
    assert scaled(x, x * 255, evaluated=x) == []  # the same images are the better evidence
    assert scaled(x) == []


@pytest.mark.parametrize("standard", [False, True])
def test_a_scaler_that_is_fitted_again_on_validation(standard):
    rows = np.random.default_rng(0).gamma(2.0, size=(500, 3))
    train, val = rows[:400], rows[400:]

    def by(x, fitted):
        if standard:
            return ((x - fitted.mean(0)) / fitted.std(0)).astype(np.float32)
        return ((x - fitted.min(0)) / np.ptp(fitted, axis=0)).astype(np.float32)

    [finding] = [f for f in scaled(by(train, train), by(val, val)) if f.severity == "warning"]
    assert finding.numbers == {"columns": 3}
    assert "fit the scaler on the training rows only" in finding.keras
    assert scaled(by(train, train), by(val, train)) == []
    assert scaled(by(train, rows), by(val, rows)) == []
    clipped = np.clip(rows, 0.5, 4.0)
    assert scaled(clipped[:400], clipped[400:]) == []
