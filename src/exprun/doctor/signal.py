"""Checks of one batch that went through a network with its initial weights."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.doctor.graph import NORMS, WEIGHTED, leaves
from exprun.doctor.objective import Objective
from exprun.doctor.record import Call, Pass, first_rows, passed
from exprun.text import nouns

FEW_LAYERS = 6  # up to this many layers of weights, the signal may vanish further
FEW_LAYERS_FACTOR = 20  # how many times further the signal may vanish in so few layers
MAX_SATURATED = 0.7  # share of a layer's outputs that may be at an end of their range
LARGE_WEIGHTS = 1.5  # standard deviation from which weights are reported as large, in units of He initialisation
NORMALIZATION = "a layers.Normalization adapted to the training inputs as the first layer."
PENALTY_FACTOR = 10  # a penalty is heavy above this many times `limits.penalty` times the loss


def array(tensor: Any) -> np.ndarray:
    """The values of a tensor as float32, (images, values)."""
    values = np.asarray(tf.cast(tensor, tf.float32))
    return values.reshape(len(values), -1)


def rms(tensor: Any) -> float:
    """The root mean square of all values of a tensor."""
    return float(np.sqrt(np.mean(np.square(array(tensor), dtype=np.float64))))


def spread(tensor: Any) -> float:
    """The standard deviation over images, as the root mean square over all positions: how much images differ."""
    return float(np.sqrt(np.mean(array(tensor).var(0, dtype=np.float64))))


def weighted_calls(calls: list[Call]) -> list[Call]:
    """The calls of layers that have a matrix of weights."""
    return [call for call in calls if isinstance(call.layer, WEIGHTED)]


def check_signal(found: Pass, limits: Doctor, several: Any = None) -> Iterator[Finding]:
    """Find differences between images that shrink or grow too much between the input and the last layer.

    Args:
        found: a pass through the model.
        limits: the thresholds.
        several: the inputs of a model with several inputs, of which the input with the largest spread is used; None for
            a model with one input.
    """
    calls = weighted_calls(found.calls)
    if len(calls) < 2 or not np.isfinite(found.outputs).all():
        return
    first, last = calls[0], calls[-1]
    at_input, at_last = spread(first.inputs), spread(last.inputs)
    if several is not None:
        at_input = max([at_input, *(spread(part) for part in keras.tree.flatten(several) if part.dtype.kind == "f")])
    if at_input <= 0:
        return
    ratio = at_last / at_input
    numbers = {"input": at_input, "last_hidden": at_last, "ratio": ratio, "outputs": spread(found.outputs)}
    assert limits.vanishing is not None
    assert limits.exploding is not None
    # With few layers, an optimiser that scales each gradient to the same size can still train.
    least = limits.vanishing if len(calls) > FEW_LAYERS else limits.vanishing / FEW_LAYERS_FACTOR
    if ratio < least and at_last < least and several is None:
        yield Finding(
            "vanishing-signal",
            "error",
            f"{len(calls)} layers of weights, from {first.layer.name} to {last.layer.name}",
            f"Before training, differences between images are {at_input:.2g} at the input and {at_last:.2g} before the "
            f"last layer, {1 / max(ratio, 1e-30):,.0f} times smaller; up to {1 / least:,.0f} times smaller is normal.",
            numbers=numbers,
        )
    elif ratio > limits.exploding:
        gains = [spread(c.outputs) / max(spread(c.inputs), 1e-12) for c in calls[:-1]]
        worst = int(np.argmax(gains))
        wide = _deviation(calls[worst].layer)
        yield Finding(
            "exploding-signal",
            "error",
            f"layer {calls[worst].layer.name}",
            f"Before training, differences between images are {at_input:.3g} at the input and {at_last:,.3g} before "
            f"the last layer, {ratio:,.0f} times larger; up to {limits.exploding:g} times larger is normal. "
            f"{calls[worst].layer.name} increases them most, {gains[worst]:.3g} times{wide}.",
            numbers=numbers | {"gain": gains[worst]},
            keras=""
            if wide
            else "BatchNormalization after each hidden layer of weights, or kernel_initializer='he_normal'; look for "
            f"multiplications and additions in the code around {calls[worst].layer.name}.",
        )


def _deviation(layer: Any) -> str:
    """A clause that compares the spread of a layer's weights with He initialisation; empty if it is not larger."""
    kernel = np.asarray(layer.kernel)
    wanted = np.sqrt(2 / np.prod(kernel.shape[:-1]))
    if kernel.std() < LARGE_WEIGHTS * wanted:
        return ""
    return f": the standard deviation of its weights is {kernel.std():.2g}, but {wanted:.2g} in He initialisation"


def check_first_loss(found: Pass, objective: Objective, limits: Doctor) -> Iterator[Finding]:
    """Find a loss with the initial weights that is far above chance level."""
    chance = _chance_loss(found, objective)
    if found.losses is None or chance is None:
        return
    loss = float(found.losses.mean())
    assert limits.large_loss is not None
    if np.isfinite(loss) and loss > limits.large_loss * chance:
        yield Finding(
            "large-first-loss",
            "warning" if loss > 3 * limits.large_loss * chance else "note",
            "loss",
            f"The loss is {loss:,.4g} before training; chance level is {chance:.3f}, and up to {limits.large_loss:g} "
            "times that is normal.",
            numbers={"loss": loss, "guessing": chance},
        )


def _chance_loss(found: Pass, objective: Objective) -> float | None:
    """The loss of giving all classes the same probability; None if the loss does not compare classes."""
    classes = {"softmax": found.outputs.shape[-1], "sigmoid": 2}.get(objective.kind)
    return float(np.log(classes)) if classes is not None and classes > 1 else None


def check_unscaled(found: Pass, objective: Objective, labels: np.ndarray, limits: Doctor) -> Iterator[Finding]:
    """Find large inputs that harm the network: its first loss is large, or its first activations are saturated."""
    calls = weighted_calls(found.calls)
    assert limits.large_input is not None
    if found.losses is None or len(calls) < 2 or (size := rms(calls[0].inputs)) <= limits.large_input:
        return
    after = found.calls[found.calls.index(calls[0]) + 1 :]
    if after and isinstance(after[0].layer, NORMS):
        return
    if harm := _harm(found, objective, labels, limits):
        yield Finding(
            "unscaled-input",
            "warning",
            "input",
            f"The inputs of {calls[0].layer.name} have values around {size:.3g} (root mean square), but values near 1 "
            f"are usual, and {harm}.",
            numbers={"rms": size, "loss": float(found.losses.mean())},
            keras="" if calls[0].inputs.shape.rank == 4 or _are_pixels(calls[0].inputs) else NORMALIZATION,
        )


def _are_pixels(inputs: Any) -> bool:
    """Whether values look like those of images, flattened or not: whole numbers from 0 to 255."""
    values = array(inputs)
    return bool(values.min() >= 0 and 127 < values.max() <= 255 and np.array_equal(values, np.round(values)))


def check_parts(
    found: Pass, objective: Objective | None, inputs: Any, labels: np.ndarray, limits: Doctor
) -> Iterator[Finding]:
    """Find one of several inputs that is large and reaches a layer of weights unscaled, alone or joined to others."""
    assert limits.large_input is not None
    if objective is None or found.losses is None:
        return
    calls = weighted_calls(found.calls)
    for path, part in keras.tree.flatten_with_path(inputs):
        if part.dtype.kind not in "iuf" or not np.isfinite(part).all() or (size := rms(part)) <= limits.large_input:
            continue
        taker = next((call for call in calls if _holds(np.asarray(call.inputs), part)), None)
        if taker is not None and (harm := _harm(found, objective, labels, limits)):
            name = f"input {path[-1]}"
            yield Finding(
                "unscaled-input",
                "warning",
                name,
                f"Its values reach {taker.layer.name} unscaled, around {size:.3g} (root mean square), but values near "
                f"1 are usual, and {harm}.",
                numbers={"rms": size, "loss": float(found.losses.mean())},
                keras="a layers.Normalization directly after this input, adapted to its training values.",
            )
            return


def _holds(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether `part` appears unchanged along the last axis of `whole`."""
    if whole.shape[:-1] != part.shape[:-1]:
        return False
    width, same = part.shape[-1], part.astype(np.float32)
    return any(np.array_equal(whole[..., at : at + width], same) for at in range(whole.shape[-1] - width + 1))


def check_tiny_input(found: Pass, limits: Doctor) -> Iterator[Finding]:
    """Find inputs that are very small, perhaps scaled twice, in a network without a norm that would rescale them."""
    calls = weighted_calls(found.calls)
    assert limits.small_input is not None
    assert limits.tiny_input is not None
    if len(calls) < 2 or any(isinstance(c.layer, NORMS) for c in found.calls):
        return
    images = calls[0].inputs.shape.rank == 4
    least = limits.small_input if images else limits.tiny_input
    if 0 < (size := rms(calls[0].inputs)) < least:
        yield Finding(
            "unscaled-input",
            "warning",
            "input",
            f"The {'images' if images else 'inputs'} have values around {size:.2g} (root mean square) at the input of "
            f"{calls[0].layer.name}, but values near 1 are usual"
            + ("; images that were divided by 255 twice have about 0.002." if images else "."),
            numbers={"rms": size},
            keras="divide by 255 once, in the data or in a Rescaling layer, but not in both."
            if images
            else NORMALIZATION,
        )


def _harm(found: Pass, objective: Objective, labels: np.ndarray, limits: Doctor) -> str:
    """The clause that describes how large inputs harm the network; empty if no harm is seen."""
    assert limits.large_loss is not None
    assert found.losses is not None
    loss, chance = float(found.losses.mean()), _chance_loss(found, objective)
    if chance is not None and loss > limits.large_loss * chance:
        task = "yes or no" if objective.kind == "sigmoid" else f"one of {found.outputs.shape[-1]} classes"
        return f"the loss is {loss:,.4g} before training, but chance level for {task} is {chance:.3f}"
    if objective.kind == "error" and rms(found.outputs) > limits.large_loss * rms(labels):
        return (
            f"the outputs are around {rms(found.outputs):,.3g} before training, but the labels around {rms(labels):.3g}"
        )
    for call in found.calls[:-1]:
        kind = getattr(getattr(call.layer, "activation", None), "__name__", "")
        if kind in ("sigmoid", "tanh"):
            values = array(call.outputs)
            least = 0.0 if kind == "sigmoid" else -1.0
            share = float(((values < least + 0.01) | (values > 0.99)).mean())
            if share > MAX_SATURATED:
                return f"{share:.0%} of the outputs of {call.layer.name} ({kind}) are at an end of its range"
    return ""


def check_gradients(model: Any, found: Pass, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """Find variables without a gradient, gradients that vanish on the way back, and a penalty that outweighs them.

    Args:
        model: a Keras model.
        found: a pass with gradients.
        inputs: the inputs of that pass.
        limits: the thresholds.
    """
    variables = model.trainable_variables
    if not found.gradients or found.losses is None or not np.isfinite(found.losses).all():
        return
    without = [v for v, g in zip(variables, found.gradients, strict=True) if g is None]
    if without:
        yield _without_gradient(model, without, len(variables), inputs)
    yield from _check_stuck(model, found)
    yield from check_vanishing(model, found, None, limits)
    yield from _check_penalty(variables, found, limits)


def _check_stuck(model: Any, found: Pass) -> Iterator[Finding]:
    """Find matrices that start at zero and have a zero gradient, because they are multiplied with each other."""
    zeros = [
        (v, g)
        for v, g in zip(model.trainable_variables, found.gradients, strict=True)
        if g is not None and len(v.shape) > 1 and not np.asarray(v).any()
    ]
    if len(zeros) < 2 or any(g.any() for _, g in zeros):  # once one of them changes, the others can
        return
    yield Finding(
        "symmetric-init",
        "error",
        f"{', '.join(v.path for v, _ in zeros[:4])}{' and more' if len(zeros) > 4 else ''}",
        f"{len(zeros)} matrices of weights start at 0, and their gradient is exactly 0: each is multiplied with "
        "another one that is 0, so none of them changes.",
        numbers={"variables": len(zeros)},
        keras="leave the initializer of at least one of these matrices at its default.",
    )


def check_vanishing(model: Any, found: Pass, step: int | None, limits: Doctor) -> Iterator[Finding]:
    """Find a gradient that is very small at the first layer, relative to the size of the weights."""
    sizes = [
        (v.path, float(np.linalg.norm(g)) / weight)
        for v, g in zip(model.trainable_variables, found.gradients, strict=True)
        if g is not None and len(v.shape) > 1 and (weight := float(np.linalg.norm(np.asarray(v)))) > 0
    ]
    assert limits.gradient_ratio is not None
    if len(sizes) > 2 and sizes[-1][1] > 0 and sizes[0][1] < limits.gradient_ratio * sizes[-1][1]:
        yield Finding(
            "vanishing-gradient",
            "warning",
            f"layer {sizes[0][0].rsplit('/', 1)[0]}",
            f"The norm of the gradient divided by that of the weights is {sizes[0][1]:.1e} in this layer and "
            f"{sizes[-1][1]:.1e} in the last one; up to {1 / limits.gradient_ratio:,.0f} times less is tolerated.",
            step,
            {"first": sizes[0][1], "last": sizes[-1][1]},
        )


def _without_gradient(model: Any, without: list[Any], of: int, inputs: Any) -> Finding:
    """The finding about variables without a gradient: their layers are bypassed, or the gradient is lost after them."""
    lost = {id(v) for v in without}
    owners = [layer for layer in leaves(model) if any(id(v) in lost for v in layer.trainable_variables)]
    whole = bool(owners) and all(id(v) in lost for layer in owners for v in layer.trainable_variables)
    kind, places = ("layer", [x.name for x in owners]) if whole else ("variable", [v.path for v in without])
    where = f"{nouns(len(places), kind)} {', '.join(places[:4])}{' and more' if len(places) > 4 else ''}"
    count = f"{len(without)} of {of} trainable variables get{'' if len(without) > 1 else 's'} no gradient from the loss"
    if owners:
        plain, silent = (passed(model, first_rows(inputs, 4), False, muted).outputs for muted in ((), owners))
        if np.array_equal(plain, silent):
            evidence = f"{count}; the output of the model stays the same if the outputs of their layers are set to 0."
            return Finding("bypassed-layers", "error", where, evidence, numbers={"variables": len(without)})
    unused = (
        "use each of these variables in call, or remove argmax, round, integer casts and stop_gradient between the "
        "variable and the loss."
    )
    remedy = "" if whole else unused
    return Finding("untrained-variables", "error", where, f"{count}.", None, {"variables": len(without)}, remedy)


def _check_penalty(variables: list[Any], found: Pass, limits: Doctor) -> Iterator[Finding]:
    if not found.penalties:
        return
    both = [
        (v.path, float(np.linalg.norm(p)), float(np.linalg.norm(g)))
        for v, g, p in zip(variables, found.gradients, found.penalties, strict=True)
        if g is not None and p is not None and p.any()
    ]
    assert limits.penalty is not None
    assert found.losses is not None
    heavy = [(path, p / max(g, 1e-30)) for path, p, g in both if p > limits.penalty * g]
    loss = float(found.losses.mean())
    if both and (len(heavy) > len(both) / 2 or found.penalty > PENALTY_FACTOR * limits.penalty * loss):
        path, ratio = max(((path, p / max(g, 1e-30)) for path, p, g in both), key=lambda pair: pair[1])
        yield Finding(
            "strong-regularization",
            "error",
            f"regularised weights, most of all {path}",
            f"The penalty is {found.penalty:.3g} and the loss without it {loss:.3g}; the gradient of the penalty is up "
            f"to {ratio:,.2g} times that of the loss.",
            numbers={"ratio": ratio, "penalty": found.penalty, "loss": loss},
            remedies=(),  # the cause's overrides change the optimiser's weight decay, which is not the penalty
        )


def check_dead(
    found: Pass, loss: float | None, chance_loss: float | None, step: int | None, limits: Doctor
) -> Iterator[Finding]:
    """Find units that are zero for every image, in a network that has not learned.

    A unit is a channel of a map, or a value of a row. Networks that fit their images well may have many such units.

    Args:
        found: a pass through the model.
        loss: the mean loss of that pass; None if unknown.
        chance_loss: the loss of chance level; None if unknown.
        step: the step of the optimiser; None before training.
        limits: the thresholds.
    """
    assert limits.dead is not None
    if loss is not None and chance_loss is not None and loss < 0.7 * chance_loss:
        return
    worst, share = None, 0.0
    for call in found.calls:
        name = getattr(getattr(call.layer, "activation", None), "__name__", "")
        if name != "relu" and not isinstance(call.layer, keras.layers.ReLU):
            continue
        values = np.asarray(tf.cast(call.outputs, tf.float32))
        if len(values) < 8:
            return
        dead = float((np.abs(values).reshape(-1, values.shape[-1]).max(0) == 0).mean())
        if dead > share:
            worst, share = call.layer, dead
    if worst is not None and share >= limits.dead:
        yield Finding(
            "dead-relu",
            "error",
            f"layer {worst.name}",
            f"{share:.0%} of its units are zero for all {len(found.outputs)} images in the probe; with less than "
            f"{limits.dead:.0%}, a network may still learn.",
            step,
            {"share": share},
            keras="scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'."
            if step is None
            else "",
        )


def check_dependence(found: Pass, step: int | None, limits: Doctor) -> Iterator[Finding]:
    """Find outputs that are the same for every image, although the images differ."""
    assert limits.constant_output is not None
    if not np.isfinite(found.outputs).all() or len(found.outputs) < 4 or not found.calls:
        return
    if spread(found.calls[0].inputs) <= 0:
        return
    difference, size = spread(found.outputs), rms(found.outputs)
    if difference <= limits.constant_output * size and size > 0:
        yield Finding(
            "input-independent",
            "error",
            "output",
            f"The outputs for {len(found.outputs)} different images differ by only {difference:.1e}, and their size is "
            f"{size:.2g}.",
            step,
            {"spread": difference, "size": size},
            keras="kernel_initializer='he_normal' with ReLU, BatchNormalization, scaled inputs; print the output of "
            "each layer for two images to see where the outputs become equal."
            if step is None
            else "",
        )


def check_augmentation(model: Any, found: Pass, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """Find inputs of the first layer of weights that differ too much between training mode and inference mode.

    Args:
        model: a Keras model.
        found: a pass in training mode.
        inputs: the inputs of that pass.
        limits: the thresholds.
    """
    calls, others = (
        [c for c in calls if c.layer.trainable_variables]
        for calls in (found.calls, passed(model, inputs, training=False).calls)
    )
    if not calls or not others or calls[0].layer is not others[0].layer:
        return
    here, there = array(calls[0].inputs), array(others[0].inputs)
    if here.shape != there.shape or not (np.isfinite(here).all() and np.isfinite(there).all()):
        return
    mean, deviation = float(there.mean()), float(there.std())
    ratio = float(here.std()) / max(deviation, 1e-12)
    shift = abs(float(here.mean()) - mean) / max(deviation, 1e-12)
    assert limits.augmented is not None
    if ratio > limits.augmented or shift > limits.augmented:
        yield Finding(
            "strong-augmentation",
            "warning",
            f"input of layer {calls[0].layer.name}",
            f"At this layer, the same images have mean {here.mean():.3g} and standard deviation {here.std():.3g} in "
            f"training, but {mean:.3g} and {deviation:.3g} in evaluation.",
            numbers={"std": float(here.std()), "inference_std": deviation},
        )
