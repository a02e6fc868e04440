"""Checks of the last layer, the loss and the labels against each other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from exprun.doctor.finding import Finding
from exprun.doctor.objective import Objective
from exprun.doctor.record import Call, Pass
from exprun.text import plural

# What an activation can give: least and most.
RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
}
MOST_CLASSES = 1000
MOST_ROWS = 256  # that a loss is tried on
UNEQUAL = 0.05  # standard deviation of the sizes of targets beside their mean, from which on they differ
CLEAN_LABELS = (
    "keep = np.isfinite(y.reshape(len(y), -1)).all(1); x, y = x[keep], y[keep]; look for empty cells, or a log of 0, "
    "in what made the labels."
)
REVERSED = 0.02  # by how much a loss may be lower for wrong answers by chance


@dataclass(frozen=True)
class Labels:
    """What labels are, by their looks.

    Args:
        values: as the loss gets them, float64, (images, …).
        kind: `numbers` (class numbers), `rows` (one-hot or shares), `holes` (one-hot, but some rows are empty),
            `binary` (0 and 1) or `amounts`.
        classes: class number of each image, (images,), int64; None for amounts.
        least, most: of the values.
    """

    values: np.ndarray
    kind: str
    classes: np.ndarray | None
    least: float
    most: float

    @property
    def are_two(self) -> bool:
        """Whether they have two different values at most."""
        return len(np.unique(self.values)) <= 2

    @property
    def are_single(self) -> bool:
        """Whether each image has one value."""
        return self.values.size == len(self.values)


def read_labels(values: Any) -> Labels:
    """Labels as a loss gets them, (images,), (images, 1) or (images, classes)."""
    given = np.asarray(values)
    found = given.astype(np.float64)
    least, most = (float(found.min()), float(found.max())) if found.size else (0.0, 0.0)
    wide = found.ndim > 1 and found.shape[-1] > 1
    whole = bool(np.isfinite(found).all() and (found == np.rint(found)).all())
    if wide:
        flat = found.reshape(-1, found.shape[-1])
        shares = least >= 0 and most <= 1 and bool((np.abs(flat.sum(1) - 1) < 1e-3).all())
        if whole and least >= 0 and most <= 1 and not shares and bool((flat.sum(1) <= 1).all()):
            return Labels(found, "holes", None, least, most)
        return Labels(found, "rows" if shares else "amounts", flat.argmax(1) if shares else None, least, most)
    if found.ndim > 2:  # a map for each image, such as a mask
        return Labels(found, "binary" if whole and least >= 0 and most <= 1 else "amounts", None, least, most)
    flat = found.reshape(len(found), -1)[:, 0] if found.size else found
    distinct = len(np.unique(flat))
    few = distinct <= min(MOST_CLASSES, max(2, len(flat) // 2)) or given.dtype.kind in "iub"
    if not (whole and few and least >= -1):
        return Labels(found, "amounts", None, least, most)
    kind = "binary" if least >= 0 and most <= 1 else "numbers"
    return Labels(found, kind, flat.astype(np.int64), least, most)


def output_activations(calls: list[Call]) -> list[str]:
    """The activations from the last layer of weights on: `["softmax"]`, or none where the output is linear."""
    places = [number for number, call in enumerate(calls) if call.layer.trainable_variables or call.layer.weights]
    found = []
    for call in calls[places[-1] if places else 0 :]:
        layer = call.layer
        name = str(getattr(getattr(layer, "activation", None), "__name__", "linear"))
        kinds = {keras.layers.Softmax: "softmax", keras.layers.ReLU: "relu"}
        name = next((own for kind, own in kinds.items() if isinstance(layer, kind)), name)
        found += [name] if name in RANGES else []
    return found


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether each row is not negative and adds up to 1."""
    rows = outputs.reshape(-1, outputs.shape[-1])
    return rows.shape[1] > 1 and bool(rows.min() >= 0) and bool(np.abs(rows.sum(1) - 1).max() < 2e-2)


def check_task(
    found: Pass, objective: Objective, labels: Labels, says_accuracy: bool, healed: bool = False
) -> Iterator[Finding]:
    """Labels that the loss cannot take, and a last layer that does not go with the loss.

    Args:
        found: a batch that went through the model.
        healed: whether Keras takes the logits in front of the last activation, which it does where it knows them.
        objective: its loss.
        labels: of some images.
        says_accuracy: whether an accuracy is measured: the labels are meant to be classes.
    """
    outputs = found.outputs[:, None] if found.outputs.ndim == 1 else found.outputs
    units = outputs.shape[-1]
    if outputs.ndim != 2:
        yield from check_label_range(objective, labels.values, units)
        return
    activations = output_activations(found.calls)
    activation = activations[-1] if activations else "linear"
    if not np.isfinite(labels.values).all():
        bad = int((~np.isfinite(labels.values)).sum())
        evidence = f"{bad:,} labels are NaN or infinite."
        yield Finding("non-finite-input", "error", "labels", evidence, keras=CLEAN_LABELS)
        return
    squashed = [name for name in activations if name in ("softmax", "sigmoid")]
    if len(squashed) > 1 and objective.kind in ("softmax", "sigmoid"):
        yield Finding(
            "softmax-twice",
            "error",
            "last layer",
            f"Its outputs pass through {' and then '.join(squashed)}"
            + (f": the loss cannot fall below {_least_loss(units):.2f}." if objective.kind == "softmax" else "."),
        )
        return
    if healed and squashed:
        yield Finding(
            "softmax-twice",
            "note",
            "last layer",
            f"Its outputs are probabilities, but {objective.name} has from_logits=True. Keras uses the values "
            f"before the {activation} here; other code may not.",
        )
        return
    match objective.kind:
        case "softmax":
            wrong = list(_check_encoding(objective, labels, units))
            yield from wrong
            if not any(finding.cause == "wrong-loss" for finding in wrong):  # which decides about the activation
                yield from _check_softmax(outputs, activation, objective, labels)
        case "sigmoid":
            yield from _check_sigmoid(outputs, activation, objective, labels)
        case "error":
            yield from _check_error(outputs, activation, objective, labels, says_accuracy)


def check_direction(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """A loss that is lower for wrong answers than for right ones, or does not see how large they are.

    Args:
        objective: the loss.
        labels: of some images.
        outputs: of the network.
    """
    values = (
        labels.values.astype(np.float32).reshape(len(labels.values), *outputs.shape[1:])[:MOST_ROWS]
        if (labels.values.size == len(labels.values) * outputs[0].size)
        else None
    )
    if objective.kind != "unknown" or values is None or len(values) < 4 or not np.isfinite(values).all():
        return
    size = np.linalg.norm(values.reshape(len(values), -1), axis=1)
    if objective.name in ("CosineSimilarity", "cosine_similarity") and labels.kind == "amounts":
        if size.std() > UNEQUAL * size.mean():
            yield Finding(
                "wrong-loss",
                "error",
                "loss",
                f"{objective.name} sees the direction of the numbers alone, but the targets differ in size too, "
                f"{size.min():.3g} to {size.max():.3g}.",
                keras="loss='mse' or loss='mae', which see the size too.",
            )
        return
    others = np.roll(values, len(values) // 2, axis=0)
    differ = (values != others).reshape(len(values), -1).any(1)
    try:
        right, wrong = (
            float(np.mean(np.asarray(objective.losses(answer, values))[differ])) for answer in (values, others)
        )
    except Exception:  # a loss of one's own may take other shapes
        return
    if differ.sum() > 3 and np.isfinite([right, wrong]).all() and right > wrong + REVERSED * (abs(right) + abs(wrong)):
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is {right:.3g} where the outputs are the labels, and {wrong:.3g} where they are those "
            "of other images: it is lower for wrong answers. A sign is missing.",
            numbers={"right": right, "wrong": wrong},
            keras="a loss has to fall as answers get better: put a minus in front of it, or subtract it from 1.",
        )


def check_broadcast(objective: Objective, labels: Labels, outputs: np.ndarray) -> Iterator[Finding]:
    """A loss of one's own that compares class numbers with each unit as if they were amounts.

    It does where it stays the same when each number is repeated for all units, and changes with what is repeated.
    """
    values, units = labels.values.astype(np.float32)[:MOST_ROWS], outputs.shape[-1]
    whole = bool(np.isfinite(values).all() and (values == np.rint(values)).all())
    if objective.kind != "unknown" or units < 2 or values.shape[1:] != (*outputs.shape[1:-1], 1):
        return
    if not whole or labels.least < 0 or not 1 < labels.most < units:
        return
    answers = outputs[: len(values)]
    values = values[: len(answers)]
    repeated = np.repeat(values, units, axis=-1)
    others = repeated.copy()
    others[..., 1:] = units - 1 - others[..., 1:]
    try:
        given, same, other = (np.asarray(objective.losses(answers, y)) for y in (values, repeated, others))
    except Exception:  # a loss of one's own may take other shapes
        return
    if given.shape == same.shape == other.shape and np.allclose(given, same) and not np.allclose(given, other):
        yield Finding(
            "label-encoding",
            "error",
            "labels",
            f"{objective.name} compares the class numbers, 0 to {labels.most:g}, with each of {units} units as if they "
            "were amounts: it takes one-hot rows.",
            numbers={"units": units},
            keras=f"y = keras.utils.to_categorical(y, {units}).",
        )


def _loss(objective: Objective, sparse: bool, more: str = "") -> str:
    """A cross-entropy of classes to type, which takes logits where the one in use does."""
    logits = "from_logits=True" if objective.from_logits else ""
    if not logits and not more:
        return f"loss='{'sparse_' if sparse else ''}categorical_crossentropy'"
    options = ", ".join(part for part in (more, logits) if part)
    return f"loss=keras.losses.{'Sparse' if sparse else ''}CategoricalCrossentropy({options})"


def _are_class_numbers(labels: Labels, units: int) -> bool:
    """Whether numbers that are many and not of a whole type may still be classes: each has a unit."""
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
            f"{empty:,} of {len(labels.values):,} one-hot rows are all 0: the class has no column.",
            numbers={"empty": empty},
            keras="make the rows again from class numbers that start at 0, with a column and an output unit for each "
            "class; leave out images without a label.",
        )
        return
    if labels.kind == "amounts":
        most = labels.values.reshape(len(labels.values), -1).sum(1).max(initial=0.0)
        several = bool(np.isin(labels.values, (0, 1)).all())
        numbers = "loss='mse' or loss='mae', and a last layer without activation, with one unit for each number."
        if labels.are_single and units > 1:
            numbers = (
                "if they are classes, give them as they were before scaling, as whole numbers from 0 (astype('int32') "
                "on scaled ones makes nearly all of them 0); if they are numbers, loss='mse' and a last layer of one "
                "unit without activation."
            )
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is for one of many classes, but images have up to {most:g} labels at once."
            if several
            else f"{objective.name} is for classes, but the labels are amounts, {labels.least:.3g} to "
            f"{labels.most:.3g}.",
            keras="loss='binary_crossentropy', and activation='sigmoid' in the last layer: each label is a yes or no."
            if several
            else numbers,
        )
        return
    if objective.sparse == (labels.kind == "rows") and units > 1:
        given = "one-hot rows" if labels.kind == "rows" else "class numbers"
        taken = "class numbers" if objective.sparse else "one-hot rows"
        yield Finding(
            "label-encoding",
            "error",
            "labels",
            f"{objective.name} takes {taken}; the labels are {given}.",
            keras=f"{'y = y.argmax(-1)' if objective.sparse else f'y = keras.utils.to_categorical(y, {units})'}, or "
            f"{_loss(objective, not objective.sparse)}.",
        )
        return
    yield from check_label_range(objective, labels.values, units)


def check_label_range(objective: Objective, values: np.ndarray, units: int) -> Iterator[Finding]:
    """Class numbers that no unit stands for.

    Args:
        objective: the loss.
        values: labels of images or of pixels, any shape.
        units: of the last layer.
    """
    found = values[values != objective.ignored] if objective.ignored is not None else values
    if not (objective.kind == "softmax" and objective.sparse) or units < 2 or not found.size:
        return
    least, most = float(found.min()), float(found.max())
    if least >= 0 and most < units:
        return
    known = found[(found >= 0) & (found < units)]
    from_one = least == 1 and most == units
    void = most > units + 1 and len(np.unique(found[found >= units])) == 1 and bool(known.size)
    wrong = "label-out-of-range" if least < 0 or from_one or void else "output-units"
    none = most if void else least  # which may mark what has no class
    yield Finding(
        wrong,
        "error",
        "labels" if wrong == "label-out-of-range" else "last layer",
        f"The labels go from {least:g} to {most:g}, but the last layer has {units} units, for the classes 0 to "
        f"{units - 1}." + (f" {most:g} may stand for none of them." if void else ""),
        numbers={"least": least, "most": most, "units": units},
        keras=f"if {none:g} marks what has no class, {_loss(objective, True, f'ignore_class={none:g}')}; else number "
        "the classes 0, 1, 2, …: y = np.searchsorted(np.unique(y_train), y)."
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
            f"{objective.name} compares the units of several classes, but the last layer has one, a sigmoid for yes or "
            "no."
            if yes_or_no
            else f"It has one unit ({activation}); {objective.name} needs one unit for each class.",
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
                f"Its outputs are probabilities ({'rows add up to 1' if activation == 'linear' else activation}), "
                f"and {objective.name} applies a softmax itself: the loss cannot fall below {_least_loss(units):.2f}.",
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
            f"Its outputs go from {outputs.min():.3g} to {outputs.max():.3g}; {objective.name} takes "
            "probabilities, 0 to 1.",
            numbers={"least": float(outputs.min()), "most": float(outputs.max())},
            keras=f"loss=keras.losses.{'Sparse' if objective.sparse else ''}CategoricalCrossentropy(from_logits=True), "
            "or activation='softmax' in the last layer.",
        )
    else:
        yield _range_finding(activation, objective)


def _least_loss(units: int) -> float:
    """Cross-entropy of a right answer that went through a second softmax."""
    return float(np.log(np.e + units - 1) - 1)


def _range_finding(activation: str, objective: Objective) -> Finding:
    """A last activation that is not the one (`objective.kind`) that goes with a cross-entropy."""
    needed = {"softmax": "a softmax: one of many classes", "sigmoid": "a sigmoid"}[objective.kind]
    return Finding(
        "output-activation",
        "error" if activation in ("relu", "tanh") else "warning",
        "last layer",
        f"It ends in {activation}, where {objective.name} needs "
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
            skip = "if a negative label means that there is none, keep = y >= 0; x, y = x[keep], y[keep]; "
            number = "if all are classes, two or more, y = np.searchsorted(np.unique(y_train), y), with"
            remedy = f"{skip if labels.least < 0 else ''}{number} {several}."
        elif units == 1 or most > units:
            remedy = f"{several}; there are {most} classes or more."
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
    if labels.least < 0 or labels.most > 1:
        yield Finding(
            "wrong-loss",
            "error",
            "loss",
            f"{objective.name} is for yes or no, but the labels go from {labels.least:.3g} to {labels.most:.3g}.",
            keras="for numbers to predict, loss='mse' and no activation in the last layer; classes must not be scaled.",
        )
        return
    if labels.kind == "rows" and units > 2 and (probabilities or activation == "softmax"):
        yield Finding(
            "wrong-loss",
            "warning",
            "loss",
            f"{objective.name} takes each of {units} units for a yes or no of its own, so that no is right for all "
            "classes but one; the labels name one class of many.",
            numbers={"units": units},
            keras="loss='categorical_crossentropy'.",
        )
        return
    yes = labels.values.reshape(len(labels.values), -1).sum(1)
    if activation == "softmax" and units == 1:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            "A softmax over one unit is 1 for every image.",
            numbers={"units": 1},
            keras="activation='sigmoid' in the last layer.",
        )
    elif activation == "softmax" and yes.max() > 1:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            f"It ends in softmax, one of many, but images have up to {yes.max():g} labels at once: each unit needs a "
            "sigmoid of its own.",
            numbers={"labels": float(yes.max())},
            keras="activation='sigmoid' in the last layer, with loss='binary_crossentropy'.",
        )
    elif objective.from_logits and activation in ("sigmoid", "softmax"):
        yield Finding(
            "softmax-twice",
            "error",
            "last layer",
            f"It ends in {activation}, and {objective.name} applies a sigmoid itself: no probability is ever below "
            "0.5.",
        )
    elif not objective.from_logits and activation == "linear" and _leaves_unit_interval(outputs):
        yield Finding(
            "missing-softmax",
            "error",
            "last layer",
            f"Its outputs go from {outputs.min():.3g} to {outputs.max():.3g}; {objective.name} takes "
            "probabilities, 0 to 1.",
            keras="loss=keras.losses.BinaryCrossentropy(from_logits=True), or activation='sigmoid' in the last layer.",
        )
    elif activation in ("relu", "tanh"):
        yield _range_finding(activation, objective)


def _leaves_unit_interval(outputs: np.ndarray) -> bool:
    return bool(outputs.min() < 0 or outputs.max() > 1)


def _no_target_of(objective: Objective, labels: Labels) -> str:
    """Why a loss of relative errors cannot take such targets; empty where it can."""
    name = objective.name.lower()
    if labels.kind != "amounts":
        return ""
    if "percentage" in name and (labels.least < 0 < labels.most or (labels.values == 0).any()):
        return (
            f"divides by the target, but targets go from {labels.least:.3g} to {labels.most:.3g}: those near zero "
            "outweigh all others"
        )
    if "logarithmic" in name and labels.least <= -1:
        return f"takes the logarithm of 1 + target, but targets go down to {labels.least:.3g}"
    return ""


def _check_error(
    outputs: np.ndarray, activation: str, objective: Objective, labels: Labels, says_accuracy: bool
) -> Iterator[Finding]:
    units = outputs.shape[-1]
    if reason := _no_target_of(objective, labels):
        yield Finding("wrong-loss", "warning", "loss", f"{objective.name} {reason}.")
        return
    targets = labels.values.shape[-1] if labels.values.ndim == 2 else 1
    if targets != units and labels.kind == "amounts":
        yield Finding(
            "output-units",
            "error",
            "last layer",
            f"It has {plural(units, 'unit')}, but each label has {plural(targets, 'number')}.",
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
            f"loss='sparse_categorical_crossentropy'; for numbers keep {objective.name}, with metrics=['mae'] in "
            "place of accuracy."
            if units == 1
            else "",
        )
        return
    if labels.kind in ("rows", "binary") and (says_accuracy or labels.kind == "rows"):
        yield Finding("wrong-loss", "note", "loss", f"{objective.name} measures distances, but the labels are classes.")
        return
    if activation == "softmax" and units == 1:
        yield Finding("output-activation", "error", "last layer", "A softmax over one unit is 1 for every image.")
        return
    least, most = RANGES.get(activation, (-np.inf, np.inf))
    outside = float(((labels.values < least - 1e-6) | (labels.values > most + 1e-6)).mean())
    if outside > 0.02:
        yield Finding(
            "output-activation",
            "error",
            "last layer",
            f"It ends in {activation}, which gives {least:g} to {most:g}, but the targets are {labels.least:.3g} to "
            f"{labels.most:.3g}: {outside:.0%} of them cannot be reached.",
            numbers={"outside": outside},
            keras="no activation in the last layer"
            + (", or targets scaled to its range." if activation != "softmax" else "."),
        )
