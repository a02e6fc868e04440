"""The signal through the depth of networks as line charts: how it grows or fades from layer to layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.pages.series import Line, Series
from exprun.text import listed, rounded

INPUT, OUTPUT = "input", "output"
STEADY = 10.0  # factor of a change that is given with two digits
NOTHING = 1e-30  # differences that are no larger count as none
HIGH_UPDATE = 0.1  # change of a layer in one step, relative to its weights, that overwrites what they were
USUAL_UPDATE = 1e-3  # Karpathy 2015, Stanford CS231n, "Ratio of weights:updates"
SMALL_UPDATE = 1e-5  # the same below which a layer hardly moves in thousands of steps
SPREAD = "differences between images"
# He et al. 2015, arXiv:1502.01852, sections 2.2 and 2.3, follow both through the depth.
LABELS = {
    "signal": f"{SPREAD} (standard deviation)",
    "gradient": "gradient of the weights (root mean square)",
    "dead": "units that are zero for all images, %",
    "update": "change of the weights in the first step, relative to them",
    "moved": "change of the weights since the start, relative to them",
}


@dataclass(frozen=True)
class Depth:
    """The signal of a network from the input to the output; an unknown value is None or NaN.

    Args:
        name: the name of the network among others, such as the override that makes it.
        layers: the names of the layers with a matrix of weights, in the order in which they are called; at least one.
        at_input: the standard deviation over images at the input of the network, if other layers come before these.
        signal: the standard deviation over images at the input of each layer, and of the outputs, (layers + 1,).
        gradient: the root mean square of the gradient of each layer's matrix, (layers,).
        dead: the share of the units after each layer that are zero for all images, (layers,).
        update: the norm of the change of each layer's matrix in the optimiser's first step, relative to the norm of
            the matrix, (layers,).
        moved: the same of the change since the start of the training, (layers,); empty if unknown.
        frozen: whether each layer's matrix is frozen now, (layers,); empty if unknown.
    """

    name: str
    layers: tuple[str, ...]
    at_input: float | None
    signal: tuple[float | None, ...]
    gradient: tuple[float | None, ...]
    dead: tuple[float | None, ...]
    update: tuple[float | None, ...]
    moved: tuple[float | None, ...] = ()
    frozen: tuple[bool, ...] = ()

    @property
    def change(self) -> float | None:
        """The factor by which differences between images grow from the input to the last layer; None if unknown."""
        first, last = self.at_input or self.signal[0], self.signal[-2]
        if first is None or last is None or not (math.isfinite(first) and math.isfinite(last)) or first <= 0:
            return None
        return last / first


def charts(depths: Sequence[Depth]) -> dict[str, Series]:
    """The charts of networks, those whose values are known, by `signal`, `gradient`, `dead`, `update` and `moved`.

    Args:
        depths: at least one network; the first one is what the titles are about, the others are to compare with.
    """
    first = depths[0]
    longest = max(depths, key=lambda one: len(one.layers)).layers
    found = {}
    for kind, title in (
        ("signal", _signal_title(depths)),
        ("gradient", _gradient_title(first)),
        ("dead", _dead_title(depths)),
        ("update", _update_title(first)),
        ("moved", _moved_title(depths)),
    ):
        lines = [
            _line(one.name, values, place) for place, one in enumerate(depths) if _known(values := _values(one, kind))
        ]
        if lines and (lines[0].name == first.name or kind == "moved"):
            names = (INPUT, *longest, OUTPUT) if kind == "signal" else longest
            if kind == "moved":
                frozen = next((one.frozen for one in depths if one.frozen), (False,) * len(longest))
                names = tuple(f"{name}, frozen" if is_it else name for name, is_it in zip(names, frozen, strict=True))
            axis = "at the input of each layer" if kind == "signal" else "layer, from the input to the output"
            levels = (("usual, about 0.001", USUAL_UPDATE),) if kind == "update" else ()
            ends = (0.0, 100.0) if kind == "dead" else None
            found[kind] = Series(title, LABELS[kind], lines, axis, names, kind != "dead", levels, ends)
    return found


def _line(name: str, values: Sequence[float | None], style: int) -> Line:
    start = 0 if values[0] is not None else 1  # nothing comes before the first layer
    return Line(name, range(start, len(values)), values[start:], style)


def _values(depth: Depth, kind: str) -> list[float | None]:
    values = getattr(depth, kind)
    if kind == "signal":
        return [depth.at_input, *values]
    return [None if value is None else 100 * value for value in values] if kind == "dead" else list(values)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _signal_title(depths: Sequence[Depth]) -> str:
    known = [one for one in depths if one.change is not None]
    first = depths[0]
    if first.change is not None and first.change <= NOTHING:
        gone = next(layer for layer, value in zip(first.layers, first.signal, strict=False) if not value)
        return f"All images are the same from the input of {gone} on"
    if first.change is None:
        return f"{SPREAD.capitalize()} that are not finite, or unknown"
    texts = [_grows(one.change) for one in known if one.change is not None]
    compared = [f"{one.name}: {text}" for one, text in zip(known[1:], texts[1:], strict=True)]
    return "; ".join([f"{SPREAD.capitalize()} become {texts[0]} on the way to the last layer", *compared])


def _grows(factor: float) -> str:
    if factor <= NOTHING:
        return "0"
    if 1 / STEADY < factor < STEADY:
        return f"{factor:.2g} times as large"
    return f"{_count(factor)} times larger" if factor > 1 else f"{_count(1 / factor)} times smaller"


def _count(factor: float) -> str:
    return f"{factor:,.0f}" if factor < 1e6 else f"{factor:.0e}"


def _gradient_title(depth: Depth) -> str:
    known = _known(depth.gradient)
    if not known or max(known) <= 0:
        return "No gradient arrives" if known else "Gradients"
    if min(known) <= 0:
        return f"No gradient arrives at {depth.layers[_place(depth.gradient, min(known))]}"
    smallest, largest = (depth.layers[_place(depth.gradient, end)] for end in (min(known), max(known)))
    factor = max(known) / min(known)
    if factor < STEADY:
        return "Gradients are of similar size in all layers"
    return f"The gradient is {_count(factor)} times smaller in {smallest} than in {largest}"


def _dead_title(depths: Sequence[Depth]) -> str:
    worst = max(depths, key=lambda one: max(_known(one.dead), default=0.0))
    known = _known(worst.dead)
    if not known or max(known) == 0:
        return "No unit is zero for all images"
    whose = f" ({worst.name})" if len(depths) > 1 else ""
    return f"{max(known):.0%} of the units after {worst.layers[_place(worst.dead, max(known))]} are dead{whose}"


def _update_title(depth: Depth) -> str:
    known = _known(depth.update)
    if not known:
        return "Changes of the weights"
    highest, lowest = (depth.layers[_place(depth.update, end)] for end in (max(known), min(known)))
    if max(known) > HIGH_UPDATE:
        size = f"{max(known):.0%} of its size" if max(known) < 1 else f"{rounded(max(known), 2)} times its size"
        return f"The first step changes {highest} by {size}: too much to keep what it was"
    if max(known) == 0:
        return "The first step changes no layer"
    if max(known) < SMALL_UPDATE:
        return f"The first step hardly changes any layer, at most by {max(known):.1g} of its size"
    if min(known) < SMALL_UPDATE:
        return f"The first step hardly changes {lowest}, by {min(known):.1g} of its size"
    return f"The first step changes each layer by {span(known)} of its size"


def _moved_title(depths: Sequence[Depth]) -> str:
    pairs = [pair for one in depths for pair in zip(one.layers, one.moved, strict=False)]
    still = [layer for layer, value in pairs if value == 0]
    known = _known([value for _, value in pairs])
    held = [pair for one in depths for pair in zip(one.layers, one.moved, one.frozen, strict=False)]
    if loose := [layer for layer, value, is_frozen in held if is_frozen and value]:
        return f"{listed(loose)} {'is' if len(loose) == 1 else 'are'} frozen, but changed since the start"
    if still:
        names = "any layer" if len(still) == len(pairs) else listed(still)
        return f"The training has not changed {names}"
    return f"Since the start, layers have changed by {span(known)} of their size" if known else ""


def span(values: Sequence[float]) -> str:
    """The lowest and the highest of some values, with one digit: "0.002 to 0.03"; once if both are the same."""
    low, high = f"{min(values):.1g}", f"{max(values):.1g}"
    return low if low == high else f"{low} to {high}"


def _place(values: Sequence[float | None], value: float) -> int:
    return list(values).index(value)
