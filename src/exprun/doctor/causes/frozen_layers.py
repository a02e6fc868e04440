"""frozen-layers: frozen layers that still have their random initial weights."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import WEIGHTED, Layer, named
from exprun.text import nouns

CAUSE = Cause(
    id="frozen-layers",
    why="Layers that keep their random initial weights pass on noise.",
    source="Humbatova et al. 2020, arXiv:1910.11015, model",
    phases=(Phase.SETUP,),
    thresholds={
        "frozen": Threshold(
            0.3,
            "Layers count as frozen by mistake if more than this fraction of all weights is in frozen layers.",
            gt=0,
            lt=1,
        ),
    },
    explains=("untrained-variables", "loss-at-chance", "no-generalization", "overfitting"),
    keras="set layer.trainable = True and compile again, or load trained weights.",
    overrides=("model.freeze=[]",),
)
MANY = 0.5  # share of the layers of weights from which frozen ones matter, however small they are


def check(context: Context) -> Iterator[Finding]:
    """Find layers that are not trained although they still have their initial weights."""
    weighted = [layer for layer in context.layers if layer.size > 0]
    frozen = [layer for layer in weighted if _is_frozen(context, layer)]
    share = sum(layer.size for layer in frozen) / max(1, sum(layer.size for layer in weighted))
    kernels, all_kernels = ([x for x in some if x.isa(*WEIGHTED, "Embedding")] for some in (frozen, weighted))
    if kernels and (share > context.threshold("frozen") or len(kernels) >= MANY * len(all_kernels)):
        yield context.finding(
            "error",
            f"{nouns(len(kernels), 'layer')} {named(kernels)}",
            f"{len(kernels)} of {len(all_kernels)} layers of weights, with {share:.0%} of all weights, are frozen but "
            "still have the random weights of their initialiser.",
            {"layers": len(kernels), "share": share},
        )


def _is_frozen(context: Context, layer: Layer) -> bool:
    return not layer.is_trained and layer.name not in context.subject.loaded and context.is_fresh(layer)
