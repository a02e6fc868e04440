"""How the last layer, the loss and the labels fit together: one decision, which finds one of several causes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from exprun.doctor.cause import Finding
from exprun.doctor.instruments.labels import ROUNDING, Labels, are_all_ones
from exprun.doctor.instruments.loss_trials import tried_findings
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Call, Pass
from exprun.doctor.subject import Batch
from exprun.text import plural, rounded

# The lowest and the highest output of each activation.
RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
}
MIN_PIXELS, PIXELS_FROM = 8, 2.0  # targets of an example, and their largest value, from which they look like pixels
OUTSIDE = 0.02  # share of the targets that the last activation may be unable to give
NOT_ONE = 0.02  # distance from 1 from which the sum of a row of targets is not rounded


def task_findings(
    found: Pass,
    objective: Objective,
    labels: Labels,
    says_accuracy: bool,
    plain_losses: Callable[[], np.ndarray],
    several: bool = False,
) -> dict[str, list[Finding]]:
    """All findings about how the last layer, the loss and the labels fit together, by cause.

    Args:
        found: a pass of a batch through the model.
        objective: the loss.
        labels: the labels of some images, those of the batch first.
        says_accuracy: whether an accuracy is measured, so that the labels are meant to be classes.
        plain_losses: computes the losses of the pass, (batch,), from nothing but its outputs and labels.
        several: whether the model has several inputs.
    """
    healed = found.losses is not None and objective.from_logits and not _are_equal(plain_losses(), found.losses)
    return _by_cause(
        [
            *check_task(found, objective, labels, says_accuracy, healed),
            *tried_findings(objective, labels, found.outputs, _may_be_distances(found, labels, several)),
        ]
    )


def batch_findings(objective: Objective, batch: Batch) -> dict[str, list[Finding]]:
    """The findings about labels of a batch for which the last layer has no unit, by cause; none if it has NaN."""
    if batch.broken:
        return {}
    found = check_label_range(objective, np.concatenate([batch.earlier, batch.labels.ravel()]), batch.units)
    if batch.split == "validation":
        found = (replace(finding, where="validation labels") for finding in found)
    return _by_cause(found)


def _by_cause(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.cause, []).append(finding)
    return found


def _may_be_distances(found: Pass, labels: Labels, several: bool) -> bool:
    """Whether the outputs may be distances of pairs: small for the label 1, if 1 means that a pair matches."""
    if labels.kind != "binary" or not labels.are_single or found.outputs.size != len(found.outputs):
        return False
    return several or (output_activations(found.calls)[-1:] != ["sigmoid"] and float(found.outputs.min()) >= 0)


def _are_equal(plain: np.ndarray, losses: np.ndarray) -> bool:
    return np.allclose(plain, losses, rtol=1e-2, atol=1e-3)


def output_activations(calls: list[Call]) -> list[str]:
    """The activations at the end of the model, such as `["softmax"]`; empty if the output is linear.

    They are the activation of the last layer with weights and those of all layers after it, in order.
    """
    weighted = [number for number, call in enumerate(calls) if call.layer.has_weights]
    activations = []
    for layer in (call.layer for call in calls[weighted[-1] if weighted else 0 :]):
        name = "softmax" if layer.isa("Softmax") else "relu" if layer.isa("ReLU") else layer.activation
        activations += [name] if name in RANGES else []
    return activations


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether each row has no negative values and adds up to 1."""
    rows = outputs.reshape(-1, outputs.shape[-1])
    return rows.shape[1] > 1 and bool(rows.min() >= -ROUNDING) and bool(np.abs(rows.sum(1) - 1).max() < 2e-2)


def check_task(
    found: Pass, objective: Objective, labels: Labels, says_accuracy: bool, healed: bool = False
) -> Iterator[Finding]:
    """Find labels that the loss cannot take, and a last layer that does not fit the loss.

    Args:
        found: a pass of a batch through the model.
        objective: the loss.
        labels: the labels of some images.
        says_accuracy: whether an accuracy is measured, so that the labels are meant to be classes.
        healed: whether Keras computes the loss from the logits before the last activation, as it does if it knows them.
    """
    outputs = found.outputs[:, None] if found.outputs.ndim == 1 else found.outputs
    units = outputs.shape[-1]
    activations = output_activations(found.calls)
    activation = activations[-1] if activations else "linear"
    if outputs.ndim != 2:
        yield from _check_positions(outputs, activation, objective, labels, healed)
        return
    if not np.isfinite(labels.values).all():  # which is a cause of its own
        return
    squashed = [name for name in activations if name in ("softmax", "sigmoid")]
    if len(squashed) > 1 and objective.kind in ("softmax", "sigmoid"):
        yield Finding(
            "softmax-twice",
            "error",
            "last layer",
            f"The outputs pass through {' and then '.join(squashed)}"
            + (f": the loss cannot fall below {_least_loss(units):.2f}." if objective.kind == "softmax" else "."),
        )
        return
    if healed and squashed:
        yield _healed(activation, objective)
        return
    match objective.kind:
        case "softmax":
            wrong = list(_check_encoding(objective, labels, units))
            yield from wrong
            if not any(finding.cause == "wrong-loss" for finding in wrong):  # the loss decides about the activation
                yield from _check_softmax(outputs, activation, objective, labels)
        case "sigmoid":
            yield from _check_sigmoid(outputs, activation, objective, labels)
        case "error":
            yield from _check_error(outputs, activation, objective, labels, says_accuracy)


def _healed(activation: str, objective: Objective) -> Finding:
    """The finding about a last activation that Keras undoes."""
    return Finding(
        "softmax-twice",
        "note",
        "last layer",
        f"The outputs are probabilities, but {objective.name} has from_logits=True. Keras uses the values before "
        f"the {activation} here; other code may not.",
    )


def _loss(objective: Objective, sparse: bool, more: str = "") -> str:
    """The code of a cross-entropy for classes, with from_logits=True if the current loss has it."""
    logits = "from_logits=True" if objective.from_logits else ""
    if not logits and not more:
        return f"loss='{'sparse_' if sparse else ''}categorical_crossentropy'"
    options = ", ".join(option for option in (more, logits) if option)
    return f"loss=keras.losses.{'Sparse' if sparse else ''}CategoricalCrossentropy({options})"


def _are_class_numbers(labels: Labels, units: int) -> bool:
    """Whether amounts may be class numbers after all: whole numbers, each with a unit."""
    whole = bool((labels.values == np.rint(labels.values)).all())
    return labels.are_single and units > 2 and whole and labels.least >= 0 and labels.most < units


def _check_encoding(objective: Objective, labels: Labels, units: int) -> Iterator[Finding]:
    if labels.kind == "amounts" and _are_class_numbers(labels, units):
        labels = replace(labels, kind="numbers", classes=labels.values.reshape(-1).astype(np.int64))
    if labels.kind == "holes":
        empty = int((labels.values.sum(-1) == 0).sum())
        yield Finding(
            "label-out-of-range",
            "error",
            "labels",
            f"{empty:,} of {len(labels.values):,} one-hot rows are all 0, because their class has no column.",
            numbers={"empty": empty},
            keras="make the rows from class numbers that start at 0, with a column and an output unit for each class; "
            "leave out examples without a label.",
        )
        return
    if are_all_ones(labels):
        yield Finding(
            "label-encoding",
            "error",
            "labels",
            f"All {units} columns of all {len(labels.values):,} labels are 1; a one-hot row has a single 1.",
            numbers={"columns": labels.values.shape[1]},
            keras=f"y = keras.utils.to_categorical(y, {units}), made of class numbers of the shape (n,): those of the "
            "shape (n, 1) select all rows in rows[np.arange(n), y].",
        )
        return
    if objective.is_own and _are_weighted(labels):
        return
    if labels.kind == "amounts":
        most = labels.values.reshape(len(labels.values), -1).sum(1).max(initial=0.0)
        several = bool(np.isin(labels.values, (0, 1)).all())
        numbers = "loss='mse' or loss='mae', and a last layer without activation, with one unit for each number."
        if labels.are_single and units > 1:
            numbers = (
                "if the labels are classes, use the whole numbers from 0 that they were before scaling "
                "(astype('int32') turns nearly all scaled labels into 0); if they are numbers to predict, loss='mse' "
                "and a last layer of one unit without activation."
            )
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is for one label of many classes, but examples have up to {most:g} labels at once."
            if several
            else f"{objective.name} is for classes, but the labels are amounts, {rounded(labels.least)} to "
            f"{rounded(labels.most)}.",
            keras="loss='binary_crossentropy', and activation='sigmoid' in the last layer: each label is yes or no."
            if several
            else numbers,
        )
        return
    if objective.sparse == (labels.kind == "rows") and units > 1:
        actual = "one-hot rows" if labels.kind == "rows" else "class numbers"
        needed = "class numbers" if objective.sparse else "one-hot rows"
        yield Finding(
            "label-encoding",
            "error",
            "labels",
            f"{objective.name} takes {needed}, but the labels are {actual}.",
            keras=f"{'y = y.argmax(-1)' if objective.sparse else f'y = keras.utils.to_categorical(y, {units})'}, or "
            f"{_loss(objective, not objective.sparse)}.",
        )
        return
    yield from check_label_range(objective, labels.values, units)


def _are_weighted(labels: Labels) -> bool:
    """Whether labels are one-hot rows that are multiplied by a number, such as the reward of an action."""
    values = labels.values
    return values.ndim == 2 and values.shape[1] > 1 and bool((np.count_nonzero(values, axis=1) <= 1).all())


def check_label_range(objective: Objective, values: np.ndarray, units: int) -> Iterator[Finding]:
    """Find class numbers without a unit in the last layer.

    Args:
        objective: the loss.
        values: the labels of images or of pixels, any shape.
        units: the number of units of the last layer.
    """
    numbers = values[values != objective.ignored] if objective.ignored is not None else values
    if not (objective.kind == "softmax" and objective.sparse) or units < 2 or not numbers.size:
        return
    least, most = float(numbers.min()), float(numbers.max())
    if least >= 0 and most < units:
        return
    in_range = numbers[(numbers >= 0) & (numbers < units)]
    from_one = least == 1 and most == units
    void = most > units + 1 and len(np.unique(numbers[numbers >= units])) == 1 and bool(in_range.size)
    wrong = "label-out-of-range" if least < 0 or from_one or void else "output-units"
    none = most if void else least  # the number that may mark the absence of a class
    yield Finding(
        wrong,
        "error",
        "labels" if wrong == "label-out-of-range" else "last layer",
        f"The labels go from {least:g} to {most:g}, but the last layer has {units} units, for the classes 0 to "
        f"{units - 1}." + (f" The label {most:g} may mean that there is no class." if void else ""),
        numbers={"least": least, "most": most, "units": units},
        keras=f"if {none:g} means that there is no class, {_loss(objective, True, f'ignore_class={none:g}')}; "
        "otherwise number the classes 0, 1, 2, …: y = np.searchsorted(np.unique(y_train), y)."
        if void or least < 0
        else "",
    )


def _check_softmax(outputs: np.ndarray, activation: str, objective: Objective, labels: Labels) -> Iterator[Finding]:
    units = outputs.shape[-1]
    if units == 1:
        yes_or_no = activation == "sigmoid" and labels.are_two
        yield Finding(
            "wrong-loss" if yes_or_no else "output-units",
            "error",
            "loss" if yes_or_no else "last layer",
            f"{objective.name} compares the units of several classes, but the last layer has one unit, a sigmoid for "
            "yes or no."
            if yes_or_no
            else f"The last layer has one unit ({activation}), but {objective.name} needs one unit for each class.",
            numbers={"units": 1},
            keras="loss='binary_crossentropy'." if yes_or_no else "",
        )
        return
    probabilities = are_probabilities(outputs)
    if objective.from_logits:
        if probabilities or activation in ("softmax", "sigmoid"):
            yield Finding(
                "softmax-twice",
                "error",
                "last layer",
                f"The outputs are probabilities ({'rows add up to 1' if activation == 'linear' else activation}), "
                f"but {objective.name} applies a softmax itself: the loss cannot fall below {_least_loss(units):.2f}.",
                numbers={"least_loss": _least_loss(units)},
            )
        elif activation in ("relu", "tanh"):
            yield _range_finding(activation, objective)
        return
    if probabilities or activation == "softmax":
        return
    if activation == "linear":
        yield Finding(
            "missing-softmax",
            "error",
            "last layer",
            f"The outputs go from {rounded(outputs.min())} to {rounded(outputs.max())}, but {objective.name} takes "
            "probabilities, 0 to 1.",
            numbers={"least": float(outputs.min()), "most": float(outputs.max())},
            keras=f"loss=keras.losses.{'Sparse' if objective.sparse else ''}CategoricalCrossentropy(from_logits=True), "
            "or activation='softmax' in the last layer.",
        )
    else:
        yield _range_finding(activation, objective)


def _least_loss(units: int) -> float:
    """The cross-entropy of a fully confident, correct prediction after a second softmax."""
    return float(np.log(np.e + units - 1) - 1)


def _range_finding(activation: str, objective: Objective) -> Finding:
    """The finding about a last activation that does not fit the kind of a cross-entropy."""
    needed = {"softmax": "a softmax, for one of many classes", "sigmoid": "a sigmoid"}[objective.kind]
    return Finding(
        "output-activation",
        "error" if activation in ("relu", "tanh") else "warning",
        "last layer",
        f"The last layer ends in {activation}, but {objective.name} needs "
        f"{'logits, which have no bounds' if objective.from_logits else needed}.",
        keras="no activation in the last layer."
        if objective.from_logits
        else f"activation='{objective.kind}' in the last layer.",
    )


def _check_sigmoid(outputs: np.ndarray, activation: str, objective: Objective, labels: Labels) -> Iterator[Finding]:
    units = outputs.shape[-1]
    probabilities = are_probabilities(outputs)
    if labels.kind == "numbers":
        most = int(labels.most) + 1
        two = labels.are_two
        classes = f" for {most} classes" if labels.least >= 0 and not two else ""
        outside = two or labels.least < 0
        wrong = "label-out-of-range" if outside else "output-units" if units == 1 else "label-encoding"
        several = "Dense(classes, activation='softmax') as the last layer, and loss='sparse_categorical_crossentropy'"
        if two and units == 1:
            remedy = f"y = (y == {labels.most:g}).astype('float32')."
        elif outside:
            skip = "if a negative label means that there is no class, keep = y >= 0; x, y = x[keep], y[keep]; "
            number = "if all labels are classes, two or more, y = np.searchsorted(np.unique(y_train), y), with"
            remedy = f"{skip if labels.least < 0 else ''}{number} {several}."
        elif units == 1 or most > units:
            remedy = f"{several}; there are at least {most} classes."
        elif objective.from_logits:
            remedy = f"{_loss(objective, True)}."
        else:
            remedy = f"{_loss(objective, True)}, and activation='softmax' in the last layer."
        yield Finding(
            wrong,
            "error",
            "last layer" if wrong == "output-units" else "labels",
            f"{objective.name} takes 0 and 1, but the labels {'are' if two else 'go from'} {labels.least:g} "
            f"{'and' if two else 'to'} {labels.most:g}, and the last layer has "
            f"{plural(units, 'unit')}{classes}.",
            numbers={"units": units, "most": labels.most},
            keras=remedy,
        )
        return
    if not labels.are_shares:
        yield _unfit_for_yes_or_no(objective, labels)
        return
    if labels.kind == "rows" and units > 2 and (probabilities or activation == "softmax"):
        yield Finding(
            "wrong-loss",
            "note" if objective.is_own else "warning",  # a person who writes it may want this
            "loss",
            f"{objective.name} treats each of {units} units as a separate yes or no, of which all but one are no; the "
            "labels are one class of many.",
            numbers={"units": units},
            keras="loss='categorical_crossentropy'.",
        )
        return
    yes = labels.values.reshape(len(labels.values), -1).sum(1)
    if activation == "softmax" and units == 1:
        yield _constant_softmax()
    elif activation == "softmax" and yes.max() > 1 + NOT_ONE:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            f"The last layer ends in softmax, for one label of many, but examples have up to {yes.max():g} labels at "
            "once: each unit needs a sigmoid.",
            numbers={"labels": float(yes.max())},
            keras="activation='sigmoid' in the last layer, with loss='binary_crossentropy'.",
        )
    elif objective.from_logits and activation in ("sigmoid", "softmax"):
        yield Finding(
            "softmax-twice",
            "error",
            "last layer",
            f"The last layer ends in {activation}, and {objective.name} applies a sigmoid itself: no probability is "
            "ever below 0.5.",
        )
    elif not objective.from_logits and activation == "linear" and _leaves_unit_interval(outputs):
        yield _missing_sigmoid(outputs, objective)
    elif activation in ("relu", "tanh"):
        yield _range_finding(activation, objective)


def _check_positions(
    outputs: np.ndarray, activation: str, objective: Objective, labels: Labels, healed: bool
) -> Iterator[Finding]:
    """Find what does not fit in a network with an output for each position, of a sequence, an image or a mask."""
    values, units = labels.values, outputs.shape[-1]
    wrong = list(check_label_range(objective, values, units))
    yield from wrong
    if wrong or not values.size or not np.isfinite(values).all() or not np.isfinite(outputs).all():
        return
    if units == 1 and activation == "softmax" and objective.kind != "unknown":
        yield _constant_softmax()
    elif healed and activation in ("softmax", "sigmoid") and objective.kind in ("softmax", "sigmoid"):
        yield _healed(activation, objective)
    elif objective.kind == "softmax" and units > 1:
        if not (activation == "linear" and not objective.from_logits and not _leaves_unit_interval(outputs)):
            yield from _check_softmax(outputs, activation, objective, labels)
    elif objective.kind == "sigmoid":
        if not labels.are_shares:
            yield from _check_marks(objective, labels)
        elif not objective.from_logits and activation == "linear" and _leaves_unit_interval(outputs):
            yield _missing_sigmoid(outputs, objective)
        elif activation in ("relu", "tanh"):
            yield _range_finding(activation, objective)
    elif objective.kind == "error" and values.shape[1:] == outputs.shape[1 : values.ndim]:
        yield from _check_reach(activation, labels, units)


def _check_marks(objective: Objective, labels: Labels) -> Iterator[Finding]:
    """Find marks of yes or no that are not 0 and 1; -1 may stand for positions that do not count."""
    if labels.are_two:
        yield Finding(
            "label-out-of-range",
            "error",
            "labels",
            f"{objective.name} takes 0 and 1, but the labels are {labels.least:g} and {labels.most:g}.",
            numbers={"least": labels.least, "most": labels.most},
            keras=f"y = (y == {labels.most:g}).astype('float32').",
        )
    elif labels.most > 1 + ROUNDING or labels.least < -1 - ROUNDING:
        yield _unfit_for_yes_or_no(objective, labels)


def _constant_softmax() -> Finding:
    return Finding(
        "output-activation",
        "error",
        "last layer",
        "A softmax over one unit is 1 for every example.",
        numbers={"units": 1},
        keras="activation='sigmoid' in the last layer.",
    )


def _unfit_for_yes_or_no(objective: Objective, labels: Labels) -> Finding:
    values = labels.values.reshape(len(labels.values), -1)
    if values.shape[1] >= MIN_PIXELS and PIXELS_FROM < labels.most <= 255 and labels.least >= 0:
        return Finding(
            "unscaled-target",
            "error",
            "labels",
            f"{objective.name} takes targets from 0 to 1, but the {values.shape[1]:,} targets of each example go from "
            f"{rounded(labels.least)} to {rounded(labels.most)}, as pixels do.",
            keras="x = x.astype('float32') / 255, for the inputs and the targets.",
        )
    return Finding(
        "wrong-loss",
        "error",
        "loss",
        f"{objective.name} is for labels of yes or no, but the labels go from {rounded(labels.least)} to "
        f"{rounded(labels.most)}.",
        keras="to predict numbers, loss='mse' and no activation in the last layer; do not scale class numbers.",
    )


def _missing_sigmoid(outputs: np.ndarray, objective: Objective) -> Finding:
    return Finding(
        "missing-softmax",
        "error",
        "last layer",
        f"The outputs go from {rounded(outputs.min())} to {rounded(outputs.max())}, but {objective.name} takes "
        "probabilities, 0 to 1.",
        keras="loss=keras.losses.BinaryCrossentropy(from_logits=True), or activation='sigmoid' in the last layer.",
    )


def _leaves_unit_interval(outputs: np.ndarray) -> bool:
    return bool(outputs.min() < -ROUNDING or outputs.max() > 1 + ROUNDING)


def _unsuitable_targets(objective: Objective, labels: Labels) -> str:
    """Why targets do not suit a loss of relative errors, as the rest of a sentence; empty if they suit it."""
    name = objective.name.lower()
    if labels.kind != "amounts":
        return ""
    if "percentage" in name and (labels.least < 0 < labels.most or (labels.values == 0).any()):
        return (
            f"divides by the target, but the targets go from {rounded(labels.least)} to {rounded(labels.most)}: "
            "targets near zero outweigh all others"
        )
    if "logarithmic" in name and labels.least <= -1:
        return f"takes the logarithm of 1 + target, but the targets go down to {rounded(labels.least)}"
    return ""


def _check_error(
    outputs: np.ndarray, activation: str, objective: Objective, labels: Labels, says_accuracy: bool
) -> Iterator[Finding]:
    units = outputs.shape[-1]
    if reason := _unsuitable_targets(objective, labels):
        yield Finding("wrong-loss", "warning", "loss", f"{objective.name} {reason}.")
        return
    targets = labels.values.shape[-1] if labels.values.ndim == 2 else 1
    if targets != units and labels.kind == "amounts":
        yield Finding(
            "output-units",
            "error",
            "last layer",
            f"The last layer has {plural(units, 'unit')}, but each label has {plural(targets, 'number')}.",
            numbers={"units": units, "targets": targets},
            keras=f"{plural(targets, 'unit')} in the last layer.",
        )
        return
    numbered = labels.kind in ("numbers", "binary") and (units > 1 or says_accuracy)
    if numbered and not (labels.kind == "binary" and units == 1):
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} measures distances, but the labels are class numbers ({labels.least:g} to "
            f"{labels.most:g}), and the last layer has {plural(units, 'unit')}.",
            numbers={"units": units},
            keras="for classes, numbered from 0, Dense(classes, activation='softmax') and "
            f"loss='sparse_categorical_crossentropy'; for numbers to predict, keep {objective.name} and replace the "
            "accuracy by metrics=['mae']."
            if units == 1
            else "",
        )
        return
    if labels.kind in ("rows", "binary") and (says_accuracy or labels.kind == "rows"):
        yield Finding("wrong-loss", "note", "loss", f"{objective.name} measures distances, but the labels are classes.")
        return
    yield from _check_reach(activation, labels, units)


def _check_reach(activation: str, labels: Labels, units: int) -> Iterator[Finding]:
    """Find numbers that the last activation cannot give."""
    if activation == "softmax" and units == 1:
        yield Finding("output-activation", "error", "last layer", "A softmax over one unit is 1 for every example.")
        return
    sums = labels.values.sum(-1)
    if activation == "softmax" and labels.values.shape[-1] == units and (np.abs(sums - 1) > NOT_ONE).mean() > OUTSIDE:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            f"The last layer ends in softmax, whose outputs add up to 1 in each row, but the targets of a row add up "
            f"to {rounded(sums.min())} to {rounded(sums.max())}.",
            numbers={"least": float(sums.min()), "most": float(sums.max())},
            keras="no activation in the last layer; if all targets lie between 0 and 1, activation='sigmoid'.",
        )
        return
    least, most = RANGES.get(activation, (-np.inf, np.inf))
    outside = float(((labels.values < least - ROUNDING) | (labels.values > most + ROUNDING)).mean())
    if outside > OUTSIDE:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            f"The last layer ends in {activation}, with outputs from {least:g} to {most:g}, but the targets go from "
            f"{rounded(labels.least)} to {rounded(labels.most)}: the network cannot predict {outside:.0%} of them.",
            numbers={"outside": outside},
            keras="no activation in the last layer"
            + (", or targets scaled to the range of the activation." if activation != "softmax" else "."),
        )
