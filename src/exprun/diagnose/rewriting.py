"""The change that a finding calls for, as code of the script."""

import ast
import copy
import functools
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.diagnose.fit import Fit, Place
from exprun.doctor.cause import Finding
from exprun.doctor.instruments.labels import Labels

OUTPUTS = ("output-units", "output-activation", "missing-softmax", "softmax-twice", "wrong-loss", "label-encoding")
RATES = {"learning-rate-high": 0.1, "learning-rate-low": 10.0}  # by cause: the factor of the learning rate
# By cause: the argument of the layer that a finding names, its position and its value.
OF_A_LAYER: dict[str, tuple[str, int | None, Any]] = {
    "excessive-dropout": ("rate", 0, 0.5),
    "missing-nonlinearity": ("activation", None, "relu"),
    "symmetric-init": ("kernel_initializer", None, "he_normal"),
    "vanishing-signal": ("kernel_initializer", None, "he_normal"),
    "exploding-signal": ("kernel_initializer", None, "he_normal"),
}
# By cause: the class of the first layer that is changed, the argument and its value.
OF_A_CLASS: dict[str, tuple[str, str, Any]] = {
    "lagging-batch-norm": ("BatchNormalization", "momentum", 0.9),
    "unmasked-padding": ("Embedding", "mask_zero", True),
}
PROVEN = "changed"  # the number of a finding that an experiment has added
PIXELS = 255.0  # highest value of the pixels of an image, before scaling


@dataclass(frozen=True)
class Edit:
    """A call of the script as it should be.

    Args:
        place: the line of the call.
        code: the call after the change, or the code that is inserted before it.
        is_inserted: whether the code is inserted before the line.
    """

    place: Place
    code: str
    is_inserted: bool = False

    def __str__(self) -> str:
        """The edit as a line of the report."""
        return f"{self.place}: {'insert before it' if self.is_inserted else 'write'} {self.code}"


@dataclass(frozen=True)
class Script:
    """What an edit may look at.

    Args:
        fit: the training.
        named: the layer that the finding is about; None if it names none.
        layer_place: finds the line that made a layer; None where it is not in the script.
        compile_place: the line of `compile`; None if there is none.
        labels: the targets of the training; None if they are unknown.
    """

    fit: Fit
    named: Any
    layer_place: Callable[[Any], Place | None]
    compile_place: Place | None
    labels: Labels | None

    @property
    def layers(self) -> list[Any]:
        """The layers of the model that contain no other layers, in order."""
        return [layer for layer in self.fit.model._flatten_layers(include_self=False) if not layer._layers]

    @property
    def optimizer(self) -> Any:
        """The optimiser of the model, without the one around it that scales the loss."""
        optimizer = self.fit.optimizer or getattr(self.fit.model, "optimizer", None)
        return getattr(optimizer, "inner_optimizer", optimizer)

    def of_layer(self, layer: Any, changes: dict[str, Any], number: int = 0) -> list[Edit]:
        """The call that made a layer, with other arguments; none if the same call has made other layers, too.

        Args:
            layer: the layer.
            changes: the new values of arguments, by name.
            number: which call of the line has made it: 0 for the only one, -1 for the last one.
        """
        place, kind = self.layer_place(layer), type(layer)
        if place is None:
            return []
        made = [one for one in self.layers if type(one) is kind and self.layer_place(one) == place]
        if len(made) > len(_calls_at(place, kind.__name__)):
            return []
        return _edited(place, kind.__name__, number, changes)


def edits(finding: Finding, script: Script) -> list[Edit]:
    """The edits that a finding calls for; none where the change is no single call of the script."""
    cause, fit = finding.cause, script.fit
    if cause in OUTPUTS:
        return _outputs(script)
    if PROVEN in finding.numbers and cause not in OUTPUTS:
        return []  # what was tried is not always what these edits would do
    if cause in RATES:
        return _rate(script, RATES[cause])
    if cause == "exploding-gradient":
        return _optimizer(script, clipnorm=1.0)
    if cause == "unscaled-input":
        return _scaled(script)
    if cause == "small-batch-norm" and _argument(fit.place, "fit", "y", 1) is not None:
        return _edited(fit.place, "fit", 0, {"batch_size": 32})
    if cause == "unscaled-target":
        return _scaled_target(fit.place)
    if cause == "class-imbalance":
        return _weighted(script)
    if cause in OF_A_LAYER and script.named is not None:
        name, position, value = OF_A_LAYER[cause]
        return script.of_layer(script.named, {name: _Argument(value, position)})
    if cause in OF_A_CLASS:
        kind, name, value = OF_A_CLASS[cause]
        found = [layer for layer in script.layers if type(layer).__name__ == kind]
        return script.of_layer(found[0], {name: value}) if found else []
    return []


@dataclass(frozen=True)
class _Argument:
    """A value of an argument that may be given by its position.

    Args:
        value: the value.
        position: the position; None if it is only given by name.
    """

    value: Any
    position: int | None


def _outputs(script: Script) -> list[Edit]:
    """The last layer and the loss that fit the labels, as far as they differ from those of the script."""
    from exprun.doctor.instruments.losses import of_keras

    labels, weighted = script.labels, [layer for layer in script.layers if layer.weights]
    last = weighted[-1] if weighted else None
    if labels is None or last is None or type(last).__name__ != "Dense" or last is not script.layers[-1]:
        return []
    objective = of_keras(script.fit.model, last.units)
    units, activation, loss = _wanted(labels, last.units, "" if objective is None else objective.kind)
    found = []
    if (last.units, last.activation.__name__) != (units, activation or "linear"):
        found += script.of_layer(last, {"units": _Argument(units, 0), "activation": _Argument(activation, 1)}, -1)
    known = objective is not None and not objective.from_logits and _snake(objective.name) == loss
    if loss and not known:
        found += _edited(script.compile_place, "compile", 0, {"loss": _Argument(loss, 1)})
    return found


def _wanted(labels: Labels, units: int, kind: str) -> tuple[int, str | None, str]:
    """The units, the activation and the loss that fit labels.

    Args:
        labels: the targets.
        units: the present units.
        kind: the kind of the present loss.
    """
    width = labels.values.shape[-1] if labels.values.ndim > 1 else 1
    if kind == "error" and units == 1 and labels.are_single:  # whole numbers, such as ages
        return 1, None, ""
    if labels.kind == "rows":
        return width, "softmax", "categorical_crossentropy"
    if labels.kind == "binary" and units != 2:
        return width, "sigmoid", "binary_crossentropy"
    if labels.kind in ("numbers", "binary") and labels.least >= 0:
        return max(2, int(labels.most) + 1), "softmax", "sparse_categorical_crossentropy"
    if width > 1 and bool(np.isin(labels.values, (0, 1)).all()):
        return width, "sigmoid", "binary_crossentropy"
    return width, None, "" if kind == "error" else "mse"


def _snake(name: str) -> str:
    """The name of a loss as a string for `compile`: MeanSquaredError is mean_squared_error."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _rate(script: Script, factor: float) -> list[Edit]:
    import keras

    rate = getattr(script.optimizer, "_learning_rate", None)
    settings = script.fit.settings or {}
    if not isinstance(rate, keras.Variable):  # a schedule, or a function
        return []
    now = settings.get("inner_optimizer", {}).get("config", settings).get("learning_rate")
    now = now if isinstance(now, float) else float(np.asarray(rate))
    return _optimizer(script, learning_rate=float(f"{now * factor:.3g}"))


def _optimizer(script: Script, **changes: Any) -> list[Edit]:
    """The call of compile with another setting of its optimiser."""
    call = _call(script.compile_place, "compile", 0)
    if call is None or script.compile_place is None:
        return []
    now = next((keyword.value for keyword in call.keywords if keyword.arg == "optimizer"), None)
    now = call.args[0] if now is None and call.args else now
    if isinstance(now, ast.Name | ast.Attribute):  # an optimiser that was made elsewhere
        return []
    name = type(script.optimizer).__name__
    if isinstance(now, ast.Call) and _name(now.func) == name:
        named = {"lr" if _has(now, "lr") and key == "learning_rate" else key: value for key, value in changes.items()}
        positions = {"learning_rate": 0, "lr": 0}
        new: ast.expr = _changed(now, {key: _Argument(value, positions.get(key)) for key, value in named.items()})
    else:
        arguments = ", ".join(f"{key}={value!r}" for key, value in changes.items())
        new = _parsed(f"keras.optimizers.{name}({arguments})")
    return [Edit(script.compile_place, ast.unparse(_changed(call, {"optimizer": _Argument(new, 0)})))]


def _scaled(script: Script) -> list[Edit]:
    """A first layer that scales the pixels of images, in a sequential model."""
    rows, model = script.fit.doctor.rows("train"), script.fit.model
    first = next((layer for layer in script.layers if type(layer).__name__ != "InputLayer"), None)
    place = None if first is None else script.layer_place(first)
    if rows is None or place is None or type(model).__name__ != "Sequential":
        return []
    x = rows[0]
    if x.ndim != 4 or not (x.min() >= 0 and PIXELS / 2 < x.max() <= PIXELS):
        return []
    return [Edit(place, "keras.layers.Rescaling(1 / 255)", is_inserted=True)]


def _scaled_target(place: Place | None) -> list[Edit]:
    targets, call = _argument(place, "fit", "y", 1), _call(place, "fit", 0)
    if targets is None or call is None or _has(call, "validation_data"):  # which has to be scaled as well
        return []
    y = ast.unparse(targets)
    y = y if isinstance(targets, ast.Name | ast.Attribute) else f"({y})"
    return _edited(place, "fit", 0, {"y": _Argument(_parsed(f"({y} - {y}.mean()) / {y}.std()"), 1)})


def _weighted(script: Script) -> list[Edit]:
    labels = script.labels
    if labels is None or labels.classes is None or labels.classes.min(initial=0) < 0:
        return []
    counts = np.bincount(labels.classes).tolist()  # a NumPy number would be written as np.float64(0.605)
    weights = {number: round(len(labels.classes) / (len(counts) * max(1, n)), 3) for number, n in enumerate(counts)}
    return _edited(script.fit.place, "fit", 0, {"class_weight": weights})


def _edited(place: Place | None, name: str, number: int, changes: dict[str, Any]) -> list[Edit]:
    """The edit of a call; none if the line has no such call, or several.

    Args:
        place: the line.
        name: the name of the function, without what stands before its last point.
        number: which call is changed if the line has several: 0 for the only one, -1 for the last one.
        changes: the new values of arguments, by name.
    """
    call = _call(place, name, number)
    return [] if call is None or place is None else [Edit(place, ast.unparse(_changed(call, changes)))]


def _call(place: Place | None, name: str, number: int) -> ast.Call | None:
    found = [] if place is None else _calls_at(place, name)
    if len(found) > 1 and number == 0:
        return None
    return found[number] if found else None


def _calls_at(place: Place, name: str) -> list[ast.Call]:
    """The calls of a function on a line, in order."""
    found = [
        node
        for node in _calls(place.path)
        if _name(node.func) == name and node.lineno <= place.line <= (node.end_lineno or node.lineno)
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


@functools.lru_cache(maxsize=4)
def _calls(path: str) -> Sequence[ast.Call]:
    """All calls of a file."""
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except SyntaxError:  # a cell of a notebook with magics
        return ()
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _has(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name for keyword in call.keywords)


def _argument(place: Place | None, name: str, keyword: str, position: int) -> ast.expr | None:
    """The value of an argument of a call; None if it is not given, or if the line has no such call."""
    call = _call(place, name, 0)
    if call is None:
        return None
    given = next((one.value for one in call.keywords if one.arg == keyword), None)
    return call.args[position] if given is None and len(call.args) > position else given


def _changed(call: ast.Call, changes: dict[str, Any]) -> ast.Call:
    """A copy of a call with other arguments."""
    result = copy.deepcopy(call)
    for name, given in changes.items():
        argument = given if isinstance(given, _Argument) else _Argument(given, None)
        value = argument.value if isinstance(argument.value, ast.expr) else _parsed(repr(argument.value))
        keyword = next((one for one in result.keywords if one.arg == name), None)
        if keyword is not None and argument.value is None:  # None is the default
            result.keywords.remove(keyword)
        elif keyword is not None:
            keyword.value = value
        elif argument.position is not None and len(result.args) > argument.position:
            result.args[argument.position] = value
        elif argument.value is not None:
            result.keywords.append(ast.keyword(name, value))
    return result


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body
