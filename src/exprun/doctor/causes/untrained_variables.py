"""untrained-variables: variables that no step updates."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import MAX_NAMES, named, owners
from exprun.text import nouns, plural

CAUSE = Cause(
    id="untrained-variables",
    why="A variable that is never updated keeps its random initial value.",
    source="Nikanjam et al. 2021, NeuraLint",
    phases=(Phase.STRUCTURE, Phase.FIRST_BATCH, Phase.FIRST_STEP, Phase.PROBE),
    confirm={Phase.PROBE: 2},
    explains=("loss-at-chance", "no-generalization", "overfitting"),
    keras=(
        "remove argmax, round, integer casts and stop_gradient between the layer that the finding names and the loss."
    ),
)
IN_CALL = (
    "use each of these variables in call, or remove argmax, round, integer casts and stop_gradient between the "
    "variable and the loss."
)


def check(context: Context) -> Iterator[Finding]:
    """Find variables that the output depends on but that no step updates."""
    match context.phase:
        case Phase.STRUCTURE:
            yield from _structure(context)
        case Phase.FIRST_BATCH:
            yield from _first_batch(context)
        case Phase.FIRST_STEP:
            yield from _first_step(context)
        case Phase.PROBE:
            yield from _probe(context)


def _structure(context: Context) -> Iterator[Finding]:
    """Find variables that affect the output but that the model does not track, so that no optimiser updates them."""
    own = context.has_own_code or any(layer.is_own or layer.isa("Lambda") for layer in context.all_layers)
    if not own or not context.untracked:
        return
    count = len(context.untracked)
    yield context.finding(
        "error",
        ", ".join(sorted(set(context.untracked))[:MAX_NAMES]),
        f"The output depends on {plural(count, 'variable')} that {'are' if count > 1 else 'is'} not among the "
        "variables of the model.",
        {"variables": count},
        "store each layer as an attribute of a layer or of the model (self.dense = …), not of another object; use "
        "add_weight for your own variables.",
    )


def _first_step(context: Context) -> Iterator[Finding]:
    """Find layers with random weights whose variables a loop does not pass to its optimiser."""
    trained = context.trained
    if trained is None or trained.fault != "omitted":
        return
    layers = [layer for layer in trained.layers if context.is_fresh(layer)]
    if layers:
        yield context.finding(
            "error",
            f"{nouns(len(layers), 'layer')} {named(layers)}",
            f"The optimiser gets {trained.known} of {trained.trainable} trainable variables; "
            f"{plural(len(layers), 'layer')} of the others still {'have' if len(layers) > 1 else 'has'} the random "
            "weights of the initialiser.",
            {"left_out": trained.count, "trainable": trained.trainable},
            "compute the gradients of all of model.trainable_variables, and pass the same list to "
            "optimizer.apply_gradients.",
        )


def _probe(context: Context) -> Iterator[Finding]:
    """Find matrices of weights that the training step leaves out, although they have a gradient."""
    moves, left = context.history.moves, context.left_out
    if moves is None or not left:
        return
    layers = owners(context.model, [weight.variable for weight in left])
    yield context.finding(
        "error",
        f"{nouns(len(layers), 'layer')} {named(layers)}",
        f"In {moves.steps} steps, {len(left)} of {len(moves.each)} matrices of weights have not changed at all, "
        "although their gradient is as large as that of the others: the training step does not update them.",
        {"variables": len(left)},
        "in your own train_step, pass all of model.trainable_variables to tape.gradient and to the apply method of the "
        "optimiser.",
    )


def _first_batch(context: Context) -> Iterator[Finding]:
    """Find variables without a gradient in layers whose outputs are used."""
    unreached = context.unreached
    if unreached is not None and not context.ignores_unreached:
        yield context.finding(
            "error",
            unreached.where,
            f"{unreached.count}.",
            {"variables": len(unreached.paths)},
            "" if unreached.are_whole else IN_CALL,
        )
