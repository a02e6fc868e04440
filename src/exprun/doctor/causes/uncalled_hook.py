"""uncalled-hook: methods of a callback or a data set that look like hooks, but that Keras never calls."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="uncalled-hook",
    why="What the method is meant to do never happens, and no error says so.",
    source="Keras documentation, Base Callback class",
    phases=(Phase.FIRST_STEP,),
    keras=(
        "use the names of Keras: on_train_begin, on_epoch_begin, on_train_batch_begin, on_test_begin and so on, "
        "each also with _end; a PyDataset has on_epoch_begin and on_epoch_end."
    ),
    in_code=True,
)
MAX_NAMES = 4  # methods that are named


def check(context: Context) -> Iterator[Finding]:
    """Find methods whose names begin like those of hooks."""
    hooks = context.hooks
    if not hooks:
        return
    names = ", ".join(f"{hook.owner}.{hook.name}" for hook in hooks[:MAX_NAMES])
    renamed = ", and ".join(f"{hook.name} to {hook.instead}" for hook in hooks if hook.instead)
    yield context.finding(
        "warning" if any(hook.is_timed for hook in hooks) else "note",
        "callbacks",
        f"Keras never calls {names}{f' and {len(hooks) - MAX_NAMES} more' if len(hooks) > MAX_NAMES else ''}: it has "
        f"no hook of {'this name' if len(hooks) == 1 else 'these names'}.",
        {"hooks": len(hooks)},
        f"rename {renamed}." if renamed else "",
    )
