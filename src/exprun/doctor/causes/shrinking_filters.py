"""shrinking-filters: fewer filters where the maps become smaller."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import Layer

CAUSE = Cause(
    id="shrinking-filters",
    why="Where maps become smaller, networks usually double their filters so that less information is lost.",
    source="He et al. 2016, arXiv:1512.03385, section 3.3",
    phases=(Phase.SETUP,),
    keras="give each layer at least as many filters as the layer before it, for example 64, 128, 256.",
)
BRANCHES = ("Concatenate", "UpSampling2D", "Conv2DTranspose")  # layers of networks whose maps also grow


def check(context: Context) -> Iterator[Finding]:
    """Find convolutions with smaller maps and at most half as many filters as the previous convolution.

    Models with branches are not checked.
    """
    if any(layer.isa(*BRANCHES) for layer in context.layers):
        return
    weighted = [layer for layer in context.layers if layer.is_weighted][:-1]
    convolutions = [layer for layer in weighted if layer.isa("Conv2D") and layer.has_wide_kernel]
    for previous, layer in pairwise(convolutions):
        before, filters = previous.layer.filters, layer.layer.filters
        if 2 * filters <= before and _pixels(layer) < _pixels(previous):
            yield context.finding(
                "note",
                f"layer {layer.name}",
                f"It has {filters} filters on a smaller map, but {previous.name} before it has {before}.",
                {"filters": filters, "before": before},
            )
            return


def _pixels(layer: Layer) -> float:
    """The number of pixels of a layer's input map; NaN if unknown, which is neither more nor less than others."""
    height, width = layer.map_size or (None, None)
    return np.nan if height is None or width is None else float(height * width)
