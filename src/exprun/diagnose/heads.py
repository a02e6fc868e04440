"""Networks of several outputs, examined one output at a time: each as a network of its own that shares its layers."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from exprun.diagnose.fit import Fit
from exprun.doctor.cause import Finding
from exprun.doctor.keras.callback import Doctor
from exprun.experiments.evidence import own_of

log = logging.getLogger(__name__)
# Of a network with one of several outputs, the layers of the others look like layers that were left out.
NOT_OF_A_HEAD = ("bypassed-layers", "reloaded-model")


def heads_of(fit: Fit) -> list[Fit]:
    """The training of each output of a network of several, examined, the worst last; empty if it has only one.

    Args:
        fit: the training of the whole network.
    """
    model, batches = fit.model, [] if fit.doctor is None else fit.doctor.of_outputs
    outputs = getattr(model, "outputs", None) or []
    if len(outputs) < 2 or not batches or len(fit.initial) != len(model.variables):
        return []
    found = []
    for name, output, loss, labels_of in _heads(model, outputs):
        try:
            labelled = [(inputs, _in_rows(labels_of(labels))) for inputs, labels in batches]
            one = _head(fit, name, output, loss)
            with one.first_weights(), one.compiled():
                one.doctor.examine(one.model, labelled)
            found.append((_order(one), one))
        except Exception:  # labels may not be those that the names say
            log.info("An output could not be examined", exc_info=True)
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _head(fit: Fit, name: str, output: Any, loss: Any) -> Fit:
    """The training of one output, as that of a network of its own."""
    model = fit.model
    head = keras.Model(getattr(model, "_inputs_struct", model.inputs), output)
    initial = {id(variable): value for variable, value in zip(model.variables, fit.initial, strict=True)}
    known = [finding.cause for finding in fit.doctor.findings]  # of the whole network
    return Fit(
        head,
        fit.place,
        {},
        doctor=Doctor(silence=(*NOT_OF_A_HEAD, *known), report=lambda text: None),
        initial=[initial[id(variable)] for variable in head.variables],
        steps=fit.steps,
        optimizer=model.optimizer,
        loss=loss,
        settings=fit.settings,
        rates=fit.rates,
        output=name,
    )


def _order(fit: Fit) -> tuple[bool, float]:
    """The place of an output: last, and so the one that is tried again, is one with a finding, or the worst one."""
    with fit.compiled():
        training = fit.training()
        own = None if training is None else own_of(training)
    is_serious = any(finding.severity != "note" for finding in fit.doctor.findings)
    return is_serious, 0.0 if own is None else -own


def _heads(model: Any, outputs: list[Any]) -> Iterator[tuple[str, Any, Any, Callable[[Any], Any]]]:
    """The name, the tensor and the loss of each output, and what takes its labels from those of a batch."""
    for number, (name, output) in enumerate(zip(model.output_names, outputs, strict=True)):
        loss = model.loss
        if isinstance(loss, dict):
            loss = loss.get(name)
        elif isinstance(loss, list | tuple):
            loss = loss[number]
        if loss is None:
            continue

        def labels_of(labels: Any, name: str = name, number: int = number) -> Any:
            return labels[name] if isinstance(labels, dict) else labels[number]

        yield name, output, loss, labels_of


def _in_rows(labels: Any) -> np.ndarray:
    """Labels, (rows,) or (rows, …), with at least two axes, as `fit` makes them."""
    array = np.asarray(labels)
    return array[:, None] if array.ndim == 1 else array


def of_output(findings: Sequence[Finding], fit: Fit) -> list[Finding]:
    """Findings, whose evidence names the output that they are about, if the network has several."""
    if not fit.output:
        return list(findings)
    return [replace(finding, evidence=f"Output {fit.output}: {finding.evidence}") for finding in findings]
