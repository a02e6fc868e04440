"""Checks of how a network computes, whatever its weights are."""

import numpy as np
import pytest

from doctor.contexts import context_of, found
from doctor.layer_fakes import activation, dense, layer_of
from exprun.doctor.cause import Phase
from exprun.doctor.causes import missing_nonlinearity, mixed_examples, untrained_variables
from exprun.doctor.instruments.passes import Call, Pass
from exprun.doctor.subject import Images

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(8, 5)).astype(np.float32)
WEIGHTS = [RNG.normal(size=(5, 6)).astype(np.float32), RNG.normal(size=(6, 3)).astype(np.float32)]


def computing(outputs, inputs=ROWS, own_code=True):
    """A context of a network that gives these outputs, as a function of images, or this pass."""
    context = context_of(train=Images(inputs), phase=Phase.STRUCTURE)
    context.__dict__.update(has_own_code=own_code, all_layers=[])

    def evaluated_on(images, exactly=False):
        given = outputs(images)
        return given if isinstance(given, Pass) else Pass([], given)

    context.evaluated_on = evaluated_on
    return context


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (lambda x: x @ WEIGHTS[0], 0),
        (lambda x: softmax((x @ WEIGHTS[0]).T).T, 1),  # over the batch
        (lambda x: np.cumsum(x @ WEIGHTS[0], 0), 1),  # along the batch, as a recurrent layer in the wrong order
        (lambda x: np.cumsum((x @ WEIGHTS[0])[::-1], 0)[::-1], 1),
        (lambda x: x @ WEIGHTS[0] + 0.001 * x.mean(), 0),  # no more than rounding may do
        (lambda x: x @ WEIGHTS[0] * np.nan, 0),
        (lambda x: (x @ WEIGHTS[0])[:4], 0),
    ],
)
def test_outputs_that_depend_on_other_images(outputs, said):
    findings = found(mixed_examples, computing(outputs))
    assert [f.where for f in findings] == ["output"] * said
    assert found(mixed_examples, computing(outputs, ROWS[:3])) == []  # too few images


def test_a_model_that_takes_one_batch_only():
    def outputs(images):
        if images is not taken and len(seen) > 0:
            raise ValueError("the batch size is fixed")
        seen.append(images)
        return images

    seen, taken = [], ROWS
    assert found(mixed_examples, computing(outputs)) == []
    assert len(seen) == 1


def network(between, last):
    """A pass of two layers of weights with functions after them."""

    def outputs(images):
        hidden = between(images @ WEIGHTS[0])
        end = {"softmax": softmax, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "linear": lambda x: x}[last]
        layers = dense(6), layer_of("Dense", activation=activation(last))
        first, second = Call(layers[0], images, hidden), Call(layers[1], hidden, end(hidden @ WEIGHTS[1]))
        return Pass([first, second], second.outputs)

    return outputs


@pytest.mark.parametrize("last", ["linear", "softmax", "sigmoid"])
@pytest.mark.parametrize(("between", "said"), [(lambda x: x, 1), (lambda x: np.maximum(x, 0), 0)])
def test_a_softmax_does_not_hide_that_the_rest_is_affine(between, last, said):
    findings = found(missing_nonlinearity, computing(network(between, last)))
    assert [f.where for f in findings] == ["2 layers of weights"] * said


def test_lists_of_layers_few_images_and_single_layers_are_not_judged_by_what_they_compute():
    outputs = network(lambda x: x, "linear")
    assert found(missing_nonlinearity, computing(outputs, own_code=False)) == []
    assert found(missing_nonlinearity, computing(outputs, ROWS[:7])) == []
    assert found(missing_nonlinearity, computing(lambda x: Pass(outputs(x).calls[1:], x))) == []
    same = np.zeros_like(ROWS)  # images that do not differ show nothing
    assert found(missing_nonlinearity, computing(outputs, same)) == []


@pytest.mark.parametrize(
    ("untracked", "own_code", "said"),
    [
        (["w of shape (5, 8)", "b of shape (8,)"], True, "b of shape (8,), w of shape (5, 8)"),
        ([], True, None),
        (["w of shape (5, 8)"], False, None),
    ],
)
def test_variables_that_the_model_does_not_know(untracked, own_code, said):
    context = computing(lambda x: x, own_code=own_code)
    context.__dict__["untracked"] = untracked
    findings = found(untrained_variables, context)
    assert [f.where for f in findings] == ([] if said is None else [said])
    assert all(f.numbers == {"variables": len(untracked)} for f in findings)
