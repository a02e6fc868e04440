"""wrong-preprocessing: loaded weights and inputs of another scale."""

from dataclasses import replace

import numpy as np
import pytest

from doctor import passes
from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import wrong_preprocessing
from exprun.doctor.subject import ExpectedInputs, Images

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype(np.float32)
CAFFE = ExpectedInputs(
    PIXELS.mean((0, 1, 2)) - np.array([103.939, 116.779, 123.68]), PIXELS.std((0, 1, 2)), "input=caffe"
)
SYMMETRIC = ExpectedInputs(PIXELS.mean((0, 1, 2)) / 127.5 - 1, PIXELS.std((0, 1, 2)) / 127.5, "input=symmetric")


def of_inputs(inputs, expected):
    return found(wrong_preprocessing, context_of(Images(inputs), phase=Phase.SETUP, expected=expected))


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (PIXELS / 255, CAFFE),
        (PIXELS / 255, SYMMETRIC),
        (PIXELS, SYMMETRIC),
        (PIXELS, CAFFE),
        (PIXELS / 127.5 - 1, CAFFE),
    ],
)
def test_another_scale_is_found_with_the_right_option(inputs, expected):
    (finding,) = of_inputs(inputs, expected)
    assert (finding.severity, finding.remedies) == ("error", (expected.override,))
    assert f"trained with {expected.override}" in finding.evidence


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (PIXELS / 127.5 - 1, SYMMETRIC),
        (PIXELS - 115, CAFFE),  # the order of colours hardly matters
        ((PIXELS / 127.5 - 1) * 1.2 + 0.1, SYMMETRIC),
        (PIXELS / 255, None),
        (np.zeros((0, 8, 8, 3), np.float32), CAFFE),
    ],
)
def test_the_right_scale_and_weights_from_nowhere_are_no_finding(inputs, expected):
    assert not of_inputs(inputs, expected)


def of_norm(size: float, fresh: bool = False, settled: bool = True, **more):
    """The findings for a convolution and a batch norm whose inputs are larger than its averages by a factor."""
    outputs = size * np.random.default_rng(0).normal(size=(64, 4, 4, 2)).astype(np.float32)
    norm = passes.layer("BatchNormalization", variables=[])
    zeros, ones = np.zeros(2, np.float32), np.ones(2, np.float32)
    norm.layer.__dict__.update(
        moving_mean=zeros, moving_variance=4 * ones if settled else ones, epsilon=0.0, axis=3, gamma=ones, beta=zeros
    )
    context = passes.context_of([passes.call(PIXELS, outputs, "Conv2D"), passes.call(outputs, outputs, norm)])
    context.subject = replace(context.subject, **more)
    context.is_fresh = lambda _: fresh
    return found(wrong_preprocessing, context)


@pytest.mark.parametrize("size", [2 / 255, 0.3, 12.0, 500.0])
def test_a_trained_network_shows_another_scale_at_its_first_norm(size):
    (finding,) = of_norm(size)
    assert finding.numbers["factor"] == pytest.approx(max(size / 2, 2 / size), rel=0.1)


def test_usual_outputs_fresh_filters_and_averages_and_earlier_trainings_are_no_finding():
    assert not of_norm(2.0)
    assert not of_norm(1.0)
    assert not of_norm(500.0, fresh=True)
    assert not of_norm(500.0, settled=False)
    assert not of_norm(500.0, earlier=frozenset({b"row"}))
    assert not of_norm(500.0, expected=SYMMETRIC)
