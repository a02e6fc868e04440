"""not-finite: a loss or weights that are NaN or infinite."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="not-finite",
    why="NaN spreads to all weights, and nothing more is learned.",
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.STEP, Phase.PROBE),
    explains=("dead-relu", "loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    preempts=(
        "untrained-variables",
        "learning-rate-high",
        "learning-rate-low",
        "dead-relu",
        "vanishing-gradient",
        "input-independent",
        "collapsed-predictions",
    ),
    is_symptom=True,
    keras=(
        "look for log, division, sqrt and norms in your own losses and layers (at 0, sqrt has the value 0 but an "
        "infinite gradient: write sqrt(x + 1e-7)); if there are none, divide the learning rate by 10."
    ),
    overrides=("{slower}", "optim.clip_global_norm=1.0", "trainer.precision=float32"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss or weights that are NaN or infinite."""
    match context.phase:
        case Phase.STEP:
            yield from _step(context)
        case Phase.PROBE:
            yield from _probe(context)


def _step(context: Context) -> Iterator[Finding]:
    """Find a loss that is not finite, and that no learning rate and no recurrent layer explains."""
    found = context.divergence
    if found is None or found.cause != CAUSE.id:
        return
    if not found.at_once:
        yield context.finding("error", found.where, found.evidence)
        return
    in_float16 = getattr(context.model, "compute_dtype", "") == "float16"
    yield context.finding(
        "error",
        found.where,
        found.evidence,
        keras="check inputs and labels with np.isfinite; look for log(0), sqrt(0) and division by 0 in your own losses "
        "and layers.",
        remedies=("trainer.precision=float32",) if in_float16 else (),  # the loss was not finite before any step
    )


def _probe(context: Context) -> Iterator[Finding]:
    """Find weights that are not finite, although the loss may be."""
    broken = [weight for weight in context.weights if not weight.is_finite]
    if broken:
        yield context.finding(
            "error",
            "weights",
            f"{len(broken)} of {len(context.weights)} variables contain NaN or infinity, the first of them "
            f"{broken[0].path}; the loss may still be finite, because a ReLU can turn NaN into 0.",
            {"variables": len(broken)},
        )
