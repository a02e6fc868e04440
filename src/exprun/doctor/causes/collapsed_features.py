"""collapsed-features: a layer so narrow that little information passes."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.graph import is_only_way, last_states
from exprun.doctor.instruments.layers import RECURRENT, named
from exprun.text import nouns, plural

CAUSE = Cause(
    id="collapsed-features",
    why="Information that is lost in a narrow layer cannot be recovered after it.",
    source="Szegedy et al. 2016, arXiv:1512.00567, section 2",
    phases=(Phase.SETUP,),
    explains_symptoms=True,
    keras="pool less, start with larger inputs, or widen the narrow layer.",
)
MAX_UNITS = 2  # units that are few for many classes


def check(context: Context) -> Iterator[Finding]:
    """Find hidden layers of one or two units, and convolutions on maps of one pixel."""
    weighted = [layer for layer in context.layers if layer.is_weighted and layer.layer.built]
    if not weighted:
        return
    classes, hidden = weighted[-1].units, weighted[:-1]
    widths = [*((layer, layer.units) for layer in hidden), *last_states(context.all_layers)]
    few = min(MAX_UNITS, (classes - 1) // 2)
    thin = next(((x, units) for x, units in widths if units <= few and is_only_way(context.model, x)), None)
    if thin is not None:
        layer, units = thin
        yield context.finding(
            "warning",
            f"layer {layer.name}",
            f"It has {plural(units, 'unit')} or {nouns(units, 'filter')}, and all {classes} outputs depend only on "
            "this layer.",
            {"units": units},
            "use about 32 units: the units are the memory of the layer, not the number of outputs."
            if layer.isa(*RECURRENT)
            else "give it at least as many units as there are classes, unless it is the code of an autoencoder.",
        )
        return
    blind = [layer for layer in hidden if layer.isa("Conv2D") and layer.map_size == (1, 1) and layer.has_wide_kernel]
    if len(blind) > 1:
        yield context.finding(
            "warning",
            f"layers {named(blind)}",
            f"{len(blind)} convolutions with kernels of more than one pixel have input maps of 1×1: the pools and "
            "strides before them are too strong.",
            {"layers": len(blind)},
            "use padding='same' and fewer pools and strides in the layers before them, or larger images.",
        )
