"""The signal through the depth of networks as line charts: how it grows or fades from layer to layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.pages.series import Line, Series

INPUT, OUTPUT = "input", "output"
STEADY = 10.0  # factor by which a signal may change on its way and still be said to arrive
NOTHING = 1e-30  # differences that are no larger count as none
HIGH_UPDATE = 0.1  # change of a layer in one step, relative to its weights, that overwrites what they were
SMALL_UPDATE = 1e-5  # the same below which a layer hardly moves in thousands of steps
SPREAD = "differences between images"
# He et al. 2015, arXiv:1502.01852, sections 2.2 and 2.3, follow both through the depth.
LABELS = {
    "signal": f"{SPREAD} (standard deviation)",
    "gradient": "gradient of the weights (root mean square)",
    "dead": "units that are zero for all images, %",
    "update": "change of the weights in the first step, relative to them",
}


@dataclass(frozen=True)
class Depth:
    """The signal of a network from the input to the output; an unknown value is None or NaN.

    Args:
        name: the name of the network among others, such as the override that makes it.
        layers: the names of the layers with a matrix of weights, in the order in which they are called; at least one.
        signal: the standard deviation over images at the input of each layer, and of the outputs, (layers + 1,).
        gradient: the root mean square of the gradient of each layer's matrix, (layers,).
        dead: the share of the units after each layer that are zero for all images, (layers,).
        update: the norm of the change of each layer's matrix in the optimiser's first step, relative to the norm of
            the matrix, (layers,).
    """

    name: str
    layers: tuple[str, ...]
    signal: tuple[float | None, ...]
    gradient: tuple[float | None, ...]
    dead: tuple[float | None, ...]
    update: tuple[float | None, ...]

    @property
    def change(self) -> float | None:
        """The factor by which differences between images grow from the input to the last layer; None if unknown."""
        first, last = self.signal[0], self.signal[-2]
        if first is None or last is None or not (math.isfinite(first) and math.isfinite(last)) or first <= 0:
            return None
        return last / first


def charts(depths: Sequence[Depth]) -> dict[str, Series]:
    """The charts of networks, those whose values are known, by `signal`, `gradient`, `dead` and `update`.

    Args:
        depths: at least one network; the first one is what the titles are about, the others are to compare with.
    """
    first = depths[0]
    longest = max(depths, key=lambda one: len(one.layers)).layers
    found = {}
    for kind, title in (
        ("signal", _signal_title(depths)),
        ("gradient", _gradient_title(first)),
        ("dead", _dead_title(first)),
        ("update", _update_title(first)),
    ):
        lines = [Line(one.name, range(len(values)), values) for one in depths if _known(values := _values(one, kind))]
        if lines and lines[0].name == first.name:
            names = (*longest, OUTPUT) if kind == "signal" else longest
            axis = "at the input of each layer" if kind == "signal" else "layer, from the input to the output"
            found[kind] = Series(title, LABELS[kind], lines, axis, names, kind != "dead")
    return found


def _values(depth: Depth, kind: str) -> list[float | None]:
    values = getattr(depth, kind)
    return [None if value is None else 100 * value for value in values] if kind == "dead" else list(values)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _signal_title(depths: Sequence[Depth]) -> str:
    first, others = depths[0], [f"{one.name}: {_grows(one.change)}" for one in depths[1:] if one.change is not None]
    if first.change is None:
        return f"The {SPREAD} are not finite" if first.signal[0] is not None else f"The {SPREAD} from layer to layer"
    verdict = f"{SPREAD.capitalize()} on the way to the last layer: {_grows(first.change)}"
    return "; ".join([verdict, *others])


def _grows(factor: float | None) -> str:
    if factor is None:
        return "unknown"
    if factor <= NOTHING:
        return "none are left"
    if 1 / STEADY < factor < STEADY:
        return f"{factor:.2g} times, they arrive"
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


def _dead_title(depth: Depth) -> str:
    known = _known(depth.dead)
    if not known or max(known) == 0:
        return "No unit is zero for all images"
    return f"{max(known):.0%} of the units after {depth.layers[_place(depth.dead, max(known))]} are dead"


def _update_title(depth: Depth) -> str:
    known = _known(depth.update)
    if not known:
        return "Changes of the weights"
    highest, lowest = (depth.layers[_place(depth.update, end)] for end in (max(known), min(known)))
    if max(known) > HIGH_UPDATE:
        return f"The first step changes {highest} by {max(known):.0%} of its size: too much to keep what it was"
    if max(known) < SMALL_UPDATE:
        return f"The first step hardly changes any layer, at most by {max(known):.1g} of its size"
    if min(known) < SMALL_UPDATE:
        return f"The first step hardly changes {lowest}, by {min(known):.1g} of its size"
    return f"The first step changes each layer by {min(known):.1g} to {max(known):.1g} of its size"


def _place(values: Sequence[float | None], value: float) -> int:
    return list(values).index(value)
