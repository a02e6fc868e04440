"""collapsed-features: a layer so narrow that little information passes."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.graph import is_node, is_only_way, last_states
from exprun.doctor.instruments.layers import RECURRENT, Layer, named
from exprun.text import nouns, plural

CAUSE = Cause(
    id="collapsed-features",
    why="Information that is lost in a narrow layer cannot be recovered after it.",
    source="Szegedy et al. 2016, arXiv:1512.00567, section 2",
    phases=(Phase.SETUP,),
    explains_symptoms=True,
    keras="pool less, start with larger inputs, or widen the narrow layer.",
)
MIN_STRIDES = 3  # strides that a convolution after others hardly ever has
MAX_UNITS = 2  # units that are few for many classes


def check(context: Context) -> Iterator[Finding]:
    """Find hidden layers of one or two units, large strides, and convolutions on maps of one pixel."""
    weighted = [layer for layer in context.layers if layer.is_weighted and layer.layer.built]
    if not weighted:
        return
    classes, hidden = weighted[-1].units, weighted[:-1]
    widths = [*((layer, layer.units) for layer in hidden), *last_states(context.all_layers)]
    few = min(MAX_UNITS, (classes - 1) // 2)
    thin = next(
        (
            (x, units)
            for x, units in widths
            if units <= few
            and is_only_way(context.model, x)
            and (is_node(context.model, x) or _may_feed(x, units, weighted))
        ),
        None,
    )
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
    leaping = [layer for layer in hidden if layer.isa("Conv2D") and _strides(layer) >= MIN_STRIDES]
    if len(leaping) > 1:
        yield context.finding(
            "warning",
            f"layers {named(leaping)}",
            f"{len(leaping)} convolutions leap over as many pixels as their kernels are wide, with strides of "
            f"{_strides(leaping[0])}, so each makes its maps {_strides(leaping[0])} times smaller.",
            {"strides": _strides(leaping[0])},
            "Conv2D(32, (3, 3)), or Conv2D(32, 3): the third argument of Conv2D is strides.",
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


def _may_feed(layer: Layer, units: int, weighted: list[Layer]) -> bool:
    """Whether a layer in code of the script's own may be all that the next one sees; the scores of attention are not.

    Args:
        layer: the layer.
        units: the number of its units.
        weighted: the layers with weights, in their order.
    """
    after = next((weighted[n + 1] for n, one in enumerate(weighted[:-1]) if one.layer is layer.layer), None)
    if after is None or not (layer.isa("Dense") and after.isa("Dense")):
        return True
    return int(after.layer.kernel.shape[0]) == units


def _strides(layer: Layer) -> int:
    """The strides of a convolution if they are the size of its kernel; otherwise 0."""
    strides = tuple(getattr(layer.layer, "strides", ()))
    same = strides == tuple(getattr(layer.layer, "kernel_size", ())) and len(set(strides)) == 1
    return int(strides[0]) if same else 0
