"""Checks of one batch that went through a network at its first weights."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.doctor.graph import NORMS, WEIGHTED, has_own_code, leaves
from exprun.doctor.objective import Objective
from exprun.doctor.record import Call, Pass, called, first_rows, in_float32, passed
from exprun.doctor.states import unchanged
from exprun.text import nouns, plural

TINY = 1e-12
FEW, EASE = 6, 20  # layers of weights, and by how much more their signal may vanish
SATURATED = 0.7  # share of activations at an end of their range
LARGER = 1.5  # times as large as in He initialisation, from which on weights are worth a word
ADAPTED = "a layers.Normalization adapted to the training inputs as the first layer."
MUCH = 10  # times as large as its gradient may be, beside the loss's, may the penalty itself be beside the loss


def array(tensor: Any) -> np.ndarray:
    """A tensor as float32, one row an image."""
    found = np.asarray(tf.cast(tensor, tf.float32))
    return found.reshape(len(found), -1)


def rms(tensor: Any) -> float:
    """Root mean square of all values."""
    return float(np.sqrt(np.mean(np.square(array(tensor), dtype=np.float64))))


def spread(tensor: Any) -> float:
    """Standard deviation over images, root mean square over all else: what is left of their differences."""
    return float(np.sqrt(np.mean(array(tensor).var(0, dtype=np.float64))))


def weighted_calls(calls: list[Call]) -> list[Call]:
    """The calls of layers with a matrix of weights."""
    return [call for call in calls if isinstance(call.layer, WEIGHTED)]


def check_signal(found: Pass, limits: Doctor, several: Any = None) -> Iterator[Finding]:
    """How the differences between images fare on their way through the depth.

    Args:
        found: a pass.
        limits: the thresholds.
        several: inputs, where there are more than one: their sizes differ, so the largest is what counts.
    """
    calls = weighted_calls(found.calls)
    if len(calls) < 2 or not np.isfinite(found.outputs).all():
        return
    first, last = calls[0], calls[-1]
    before, behind = spread(first.inputs), spread(last.inputs)
    if several is not None:
        before = max([before, *(spread(part) for part in keras.tree.flatten(several) if part.dtype.kind == "f")])
    if before <= 0:
        return
    ratio = behind / before
    numbers = {"input": before, "last_hidden": behind, "ratio": ratio, "outputs": spread(found.outputs)}
    assert limits.vanishing is not None
    assert limits.exploding is not None
    # A few layers are still trained by an optimiser that takes every gradient for as large as the others.
    least = limits.vanishing if len(calls) > FEW else limits.vanishing / EASE
    if ratio < least and behind < least and several is None:
        yield Finding(
            "vanishing-signal",
            "error",
            f"{len(calls)} layers of weights, from {first.layer.name} to {last.layer.name}",
            f"At the start, differences between images are {before:.2g} at the input and {behind:.2g} in front of the "
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
            f"At the start, differences between images are {before:.3g} at the input and {behind:,.3g} in front of the "
            f"last layer, {ratio:,.0f} times larger; up to {limits.exploding:g} times larger is normal. "
            f"{calls[worst].layer.name} enlarges them most, {gains[worst]:.3g} times{wide}.",
            numbers=numbers | {"gain": gains[worst]},
            keras=""
            if wide
            else "BatchNormalization after each hidden layer of weights, or kernel_initializer='he_normal'; look for "
            f"multiplications and additions in the code around {calls[worst].layer.name}.",
        )


def _deviation(layer: Any) -> str:
    """How large its weights are beside what He et al. propose; empty where they are no larger."""
    kernel = np.asarray(layer.kernel)
    wanted = np.sqrt(2 / np.prod(kernel.shape[:-1]))
    if kernel.std() < LARGER * wanted:
        return ""
    return f": the standard deviation of its weights is {kernel.std():.2g}, and {wanted:.2g} in He initialisation"


def check_first_loss(found: Pass, objective: Objective, limits: Doctor) -> Iterator[Finding]:
    """The loss at the first weights against that of guessing."""
    guess = _guessing(found, objective)
    if found.losses is None or guess is None:
        return
    loss = float(found.losses.mean())
    assert limits.large_loss is not None
    if np.isfinite(loss) and loss > limits.large_loss * guess:
        yield Finding(
            "large-first-loss",
            "warning" if loss > 3 * limits.large_loss * guess else "note",
            "loss",
            f"It is {loss:,.4g} before training; guessing costs {guess:.3f}, and up to {limits.large_loss:g} times "
            "that is normal.",
            numbers={"loss": loss, "guessing": guess},
        )


def _guessing(found: Pass, objective: Objective) -> float | None:
    """What an answer costs that gives all classes the same probability; None where the loss is of numbers."""
    classes = {"softmax": found.outputs.shape[-1], "sigmoid": 2}.get(objective.kind)
    return float(np.log(classes)) if classes is not None and classes > 1 else None


def check_unscaled(found: Pass, objective: Objective, labels: np.ndarray, limits: Doctor) -> Iterator[Finding]:
    """Large inputs that a network cannot bear: its first loss is large, or its first activations are saturated."""
    calls = weighted_calls(found.calls)
    assert limits.large_input is not None
    if found.losses is None or len(calls) < 2 or (size := rms(calls[0].inputs)) <= limits.large_input:
        return
    behind = found.calls[found.calls.index(calls[0]) + 1 :]
    if behind and isinstance(behind[0].layer, NORMS):
        return
    if harm := _harm(found, objective, labels, limits):
        yield Finding(
            "unscaled-input",
            "warning",
            "input",
            f"Inputs reach {calls[0].layer.name} with values around {size:.3g} (root mean square), where values "
            f"near 1 are usual, and {harm}.",
            numbers={"rms": size, "loss": float(found.losses.mean())},
            keras="" if calls[0].inputs.shape.rank == 4 or _are_pixels(calls[0].inputs) else ADAPTED,
        )


def _are_pixels(inputs: Any) -> bool:
    """Whether values look like those of images, flattened perhaps: whole numbers up to 255."""
    values = array(inputs)
    return bool(values.min() >= 0 and 127 < values.max() <= 255 and np.array_equal(values, np.round(values)))


def check_parts(
    found: Pass, objective: Objective | None, inputs: Any, labels: np.ndarray, limits: Doctor
) -> Iterator[Finding]:
    """One of several inputs that is large and reaches a layer of weights as it is, alone or joined to others."""
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
                f"Its values reach {taker.layer.name} as they are, around {size:.3g} (root mean square), where values "
                f"near 1 are usual, and {harm}.",
                numbers={"rms": size, "loss": float(found.losses.mean())},
                keras="a layers.Normalization adapted to this input of the training set, right behind it.",
            )
            return


def _holds(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether the last axis of an array has another one in it, unchanged."""
    if whole.shape[:-1] != part.shape[:-1]:
        return False
    width, same = part.shape[-1], part.astype(np.float32)
    return any(np.array_equal(whole[..., at : at + width], same) for at in range(whole.shape[-1] - width + 1))


def check_recurrent_input(model: Any, inputs: np.ndarray, limits: Doctor) -> Iterator[Finding]:
    """Large inputs of a recurrent first layer, whose units they hold at the ends of their range."""
    own = [layer for layer in getattr(model, "layers", []) if not isinstance(layer, keras.layers.InputLayer)]
    assert limits.large_input is not None
    recurrent = own and isinstance(own[0], keras.layers.RNN | keras.layers.Bidirectional)
    if recurrent and (size := rms(inputs)) > limits.large_input:
        yield Finding(
            "unscaled-input",
            "warning",
            "input",
            f"Inputs reach {own[0].name} with values around {size:.3g} (root mean square), which hold its units at the "
            "ends of their range, where they get no gradient; values near 1 are usual.",
            numbers={"rms": size},
            keras=ADAPTED,
        )


def check_tiny_input(found: Pass, limits: Doctor) -> Iterator[Finding]:
    """Images scaled twice, or values of a very small unit, in a network without a norm that would undo it."""
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
            f"{'Images' if images else 'Inputs'} reach {calls[0].layer.name} with values around {size:.2g} (root mean "
            f"square), where values near 1 are usual"
            + (": divided by 255 twice, they have about 0.002." if images else "."),
            numbers={"rms": size},
            keras="divide by 255 once, in the data or in a Rescaling layer, but not in both." if images else ADAPTED,
        )


def _harm(found: Pass, objective: Objective, labels: np.ndarray, limits: Doctor) -> str:
    """What large inputs do to a network, in words; empty where nothing is seen."""
    assert limits.large_loss is not None
    assert found.losses is not None
    loss, guess = float(found.losses.mean()), _guessing(found, objective)
    if guess is not None and loss > limits.large_loss * guess:
        what = "yes or no" if objective.kind == "sigmoid" else f"one of {found.outputs.shape[-1]} classes"
        return f"the loss is {loss:,.4g} before training, where guessing {what} costs {guess:.3f}"
    if objective.kind == "error" and rms(found.outputs) > limits.large_loss * rms(labels):
        return f"the outputs are around {rms(found.outputs):,.3g} before training, the labels around {rms(labels):.3g}"
    for call in found.calls[:-1]:
        kind = getattr(getattr(call.layer, "activation", None), "__name__", "")
        if kind in ("sigmoid", "tanh"):
            values = array(call.outputs)
            least = 0.0 if kind == "sigmoid" else -1.0
            share = float(((values < least + 0.01) | (values > 0.99)).mean())
            if share > SATURATED:
                return f"{share:.0%} of the outputs of {call.layer.name} ({kind}) are at an end of its range"
    return ""


def check_gradients(model: Any, found: Pass, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """Variables without a gradient, gradients that vanish on their way back, and a penalty that outweighs them.

    Args:
        model: a Keras model.
        found: a pass with gradients.
        inputs: of that pass.
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
    """Matrices that start at zero and whose gradient is zero too, as they are multiplied with each other."""
    zeros = [
        (v, g)
        for v, g in zip(model.trainable_variables, found.gradients, strict=True)
        if g is not None and len(v.shape) > 1 and not np.asarray(v).any()
    ]
    if len(zeros) < 2 or any(g.any() for _, g in zeros):  # once one of them has moved, the others may
        return
    yield Finding(
        "symmetric-init",
        "error",
        f"{', '.join(v.path for v, _ in zeros[:4])}{' and more' if len(zeros) > 4 else ''}",
        f"{len(zeros)} matrices of weights start at 0, and their gradient is exactly 0: while each is multiplied with "
        "another one that is 0, none of them moves.",
        numbers={"variables": len(zeros)},
        keras="leave the initializer of at least one of them at its default.",
    )


def check_vanishing(model: Any, found: Pass, step: int | None, limits: Doctor) -> Iterator[Finding]:
    """A gradient that has become very small on its way back to the first layer, beside the size of the weights."""
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
            f"Gradient divided by weight is {sizes[0][1]:.1e} here and {sizes[-1][1]:.1e} in the last layer; up to "
            f"{1 / limits.gradient_ratio:,.0f} times less is tolerated.",
            step,
            {"first": sizes[0][1], "last": sizes[-1][1]},
        )


def _without_gradient(model: Any, without: list[Any], of: int, inputs: Any) -> Finding:
    """Whether the layers of such variables have no say in the output at all, or the gradient is lost behind them."""
    lost = {id(v) for v in without}
    owners = [layer for layer in leaves(model) if any(id(v) in lost for v in layer.trainable_variables)]
    whole = bool(owners) and all(id(v) in lost for layer in owners for v in layer.trainable_variables)
    kind, places = ("layer", [x.name for x in owners]) if whole else ("variable", [v.path for v in without])
    where = f"{nouns(len(places), kind)} {', '.join(places[:4])}{' and more' if len(places) > 4 else ''}"
    count = f"{len(without)} of {of} trainable variables get{'' if len(without) > 1 else 's'} no gradient from the loss"
    if owners:
        plain, silent = (passed(model, first_rows(inputs, 4), False, muted).outputs for muted in ((), owners))
        if np.array_equal(plain, silent):
            evidence = f"{count}; with their layers' outputs set to zero, the output of the model stays the same."
            return Finding("bypassed-layers", "error", where, evidence, numbers={"variables": len(without)})
    unused = "use it in call, or remove argmax, round, integer casts or stop_gradient between it and the loss."
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
    if both and (len(heavy) > len(both) / 2 or found.penalty > MUCH * limits.penalty * loss):
        path, ratio = max(((path, p / max(g, 1e-30)) for path, p, g in both), key=lambda pair: pair[1])
        yield Finding(
            "strong-regularization",
            "error",
            f"regularised weights, most of all {path}",
            f"The penalty is {found.penalty:.3g}, the loss without it {loss:.3g}; the penalty's gradient is up to "
            f"{ratio:,.2g} times that of the data.",
            numbers={"ratio": ratio, "penalty": found.penalty, "loss": loss},
            remedies=(),  # the optimiser's decay is not what it is about
        )


def check_dead(
    found: Pass, loss: float | None, guess: float | None, step: int | None, limits: Doctor
) -> Iterator[Finding]:
    """Units that are zero for every image, in a network that has not learned.

    A unit is a channel of a map, or a value of a row. Networks that fit their images well may have many.
    """
    assert limits.dead is not None
    if loss is not None and guess is not None and loss < 0.7 * guess:
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
            f"{share:.0%} of its units are zero for all {len(found.outputs)} images looked at; with less than "
            f"{limits.dead:.0%} a network may still learn.",
            step,
            {"share": share},
            keras="scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'."
            if step is None
            else "",
        )


def check_dependence(found: Pass, step: int | None, limits: Doctor) -> Iterator[Finding]:
    """Outputs that are the same for every image, though the images are not."""
    assert limits.constant_output is not None
    if not np.isfinite(found.outputs).all() or len(found.outputs) < 4 or not found.calls:
        return
    if spread(found.calls[0].inputs) <= 0:
        return
    own, size = spread(found.outputs), rms(found.outputs)
    if own <= limits.constant_output * size and size > 0:
        yield Finding(
            "input-independent",
            "error",
            "output",
            f"For {len(found.outputs)} different images the outputs differ by only {own:.1e}, at a size of {size:.2g}.",
            step,
            {"spread": own, "size": size},
            keras="kernel_initializer='he_normal' with ReLU, BatchNormalization, scaled inputs; print each layer's "
            "output for two images to see where they become alike."
            if step is None
            else "",
        )


def check_augmentation(model: Any, found: Pass, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """What reaches the first layer of weights in training mode against inference mode, for the same images.

    Args:
        model: a Keras model.
        found: a pass in training mode.
        inputs: of that pass.
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
            f"in front of layer {calls[0].layer.name}",
            f"In training the same images have mean {here.mean():.3g} and standard deviation {here.std():.3g} there, "
            f"in evaluation {mean:.3g} and {deviation:.3g}.",
            numbers={"std": float(here.std()), "inference_std": deviation},
        )


def check_unknown(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """Variables on the way to the output that the model does not know of, so that its optimiser never sees them."""
    if not has_own_code(model):
        return
    with unchanged(model), tf.GradientTape() as tape:
        called(model, inputs[:4], False)
        used = tape.watched_variables()
    known = {id(v.value) for v in model.variables} | {id(v) for v in model.variables}
    unknown = [v for v in used if v.trainable and id(v) not in known]
    if unknown:
        count = len(unknown)
        yield Finding(
            "untrained-variables",
            "error",
            ", ".join(sorted({f"{v.name.split(':')[0]} of shape {tuple(v.shape)}" for v in unknown})[:4]),
            f"{plural(count, 'variable')} that the output depends on {'are' if count > 1 else 'is'} not "
            "among those of the model.",
            numbers={"variables": count},
            keras="keep each layer as an attribute of a layer or of the model (self.dense = …), not of another object; "
            "use add_weight for variables of your own.",
        )


def _unsquashed(call: Call) -> np.ndarray:
    """What a layer gave, without the sigmoid or softmax at its end."""
    found = array(call.outputs)
    name = getattr(getattr(call.layer, "activation", None), "__name__", "")
    if name == "sigmoid":
        return np.asarray(np.log(found + TINY) - np.log(1 - found + TINY))
    if name == "softmax":
        logs = np.log(found + TINY)
        return np.asarray(logs - logs.mean(-1, keepdims=True))
    return found


def check_affine(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """A model whose code no list of layers shows: whether the mean of two images gives the mean of their outputs."""
    if len(inputs) < 8 or not has_own_code(model):
        return
    one, other = inputs[:4], inputs[4:8]
    with in_float32(model):
        passes = [weighted_calls(passed(model, x, False).calls) for x in (one, other, (one + other) / 2)]
    if len(passes[0]) < 2:
        return
    first, second, between = (_unsquashed(calls[-1]) for calls in passes)
    size = float(np.abs(first - second).max())
    if size > 1e-6 and np.abs((first + second) / 2 - between).max() < 1e-3 * size:
        yield Finding(
            "missing-nonlinearity",
            "error",
            f"{len(passes[0])} layers of weights",
            "The mean of two images gives exactly the mean of their outputs: there is no activation on the way.",
            numbers={"layers": len(passes[0])},
            keras="apply one in call: x = keras.activations.relu(self.conv(x)).",
        )


def check_mixing(model: Any, inputs: np.ndarray) -> Iterator[Finding]:
    """Whether an image's output in inference mode changes with the other images of its batch."""
    inputs = inputs[:8]
    if len(inputs) < 4:
        return
    together = passed(model, inputs, training=False).outputs
    half = len(inputs) // 2
    changed = np.concatenate([inputs[:half], inputs[half:][::-1] * 0.5])
    try:
        apart = passed(model, changed, training=False).outputs
    except Exception:  # a model that takes one size of batch only
        return
    if together.shape != apart.shape or len(together) != len(inputs) or not np.isfinite(together).all():
        return
    difference = float(np.abs(together[:half] - apart[:half]).max())
    size = max(float(np.abs(together).max()), 1e-12)
    if difference > 0.02 * size:
        yield Finding(
            "mixed-examples",
            "error",
            "output",
            f"With other images in the second half of a batch, the outputs of the first half change by "
            f"{difference / size:.0%} in evaluation; normal is none.",
            numbers={"change": difference / size},
        )
