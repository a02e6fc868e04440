"""symmetric-init: weights that start equal, or at zero where nothing can change them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import NORMS, Layer, named
from exprun.text import nouns

CAUSE = Cause(
    id="symmetric-init",
    why="Weights that start equal get equal gradients, or none at all, and stay equal.",
    source="Goodfellow et al. 2016, Deep Learning, section 8.4",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    explains_symptoms=True,
    explains=("vanishing-signal", "untrained-variables"),
    keras="leave kernel_initializer at its default, or use he_normal.",
    overrides=("init=he_normal",),
)
MAX_PATHS = 4  # variables that a sentence names


def check(context: Context) -> Iterator[Finding]:
    """Find weights that stay as they are because they start equal, or at zero."""
    match context.phase:
        case Phase.SETUP:
            yield from _setup(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)


def _setup(context: Context) -> Iterator[Finding]:
    """Find hidden layers in which all units start with the same weights."""
    matrices = [
        (layer, variable)
        for layer in context.layers
        for variable in layer.trained
        if len(variable.shape) > 1
        and variable.shape[-1] > 1
        and not layer.isa(*NORMS, "Embedding")
        and "bias" not in variable.name  # the bias of a GRU has two rows, both zero at the start
    ]
    same = []
    for layer, variable in matrices[:-1]:  # a last layer may well start with zeros
        units = np.asarray(variable).reshape(-1, variable.shape[-1])
        is_matrix = len(units) > 1 or variable.name == "kernel"  # a single row may be a token of zeros
        if is_matrix and np.ptp(units, axis=1).max() == 0 and not _has_spread_twin(layer, variable):
            same.append((layer, float(units[0, 0])))
    if same:
        first, value = same[0]
        yield context.finding(
            "error",
            f"{nouns(len(same), 'layer')} {named([layer for layer, _ in same])}",
            f"All units start with the same weights ({value:g} in {first.name}).",
            {"layers": len(same)},
        )


def _has_spread_twin(layer: Layer, variable: Any) -> bool:
    """Whether a layer has another matrix of the same shape with different units, as means beside deviations have."""
    twins = [np.asarray(one) for one in layer.trained if one is not variable and one.shape == variable.shape]
    return any(np.ptp(twin.reshape(-1, twin.shape[-1]), axis=1).max() > 0 for twin in twins)


def _first_batch(context: Context) -> Iterator[Finding]:
    """Find matrices that start at zero and have a zero gradient, because they are multiplied with each other."""
    found = context.forward
    if not found.has_gradients:
        return
    zeros = [
        (variable.path, gradient)
        for variable, gradient in zip(context.model.trainable_variables, found.gradients, strict=True)
        if gradient is not None and len(variable.shape) > 1 and not np.asarray(variable).any()
    ]
    if len(zeros) < 2 or any(gradient.any() for _, gradient in zeros):  # once one of them changes, the others can
        return
    yield context.finding(
        "error",
        ", ".join(path for path, _ in zeros[:MAX_PATHS]) + (" and more" if len(zeros) > MAX_PATHS else ""),
        f"{len(zeros)} matrices of weights start at 0, and their gradient is exactly 0: each is multiplied with "
        "another one that is 0, so none of them changes.",
        {"variables": len(zeros)},
        "leave the initializer of at least one of these matrices at its default.",
    )
