"""small-epsilon: an epsilon of the optimiser that the precision of the weights turns into 0."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.text import plural

CAUSE = Cause(
    id="small-epsilon",
    why=(
        "Epsilon keeps an optimiser such as Adam from dividing by 0. Without it, the first gradient that is 0, or "
        "whose square is too small for the precision, gives a weight that is NaN or huge."
    ),
    source="Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; TensorFlow guide, Mixed precision",
    phases=(Phase.SETUP,),
    explains_symptoms=True,
    explains=("learning-rate-high", "learning-rate-low", "exploding-gradient"),
    keras=(
        "keep the weights in float32: keras.config.set_floatx('float32'), and, for speed, "
        "keras.mixed_precision.set_global_policy('mixed_float16'); or use epsilon=1e-3 in the optimiser."
    ),
    in_code=True,
)
# The smallest normal number: processors and GPUs may turn smaller ones into 0. bfloat16 has the range of float32.
SMALLEST = {"float16": 6.1e-5, "bfloat16": 1.2e-38, "float32": 1.2e-38, "float64": 2.3e-308}


def check(context: Context) -> Iterator[Finding]:
    """Find weights of a precision in which epsilon is 0, or an epsilon that is 0."""
    pace = context.subject.pace
    if pace is None or pace.epsilon is None:
        return
    precisions = [str(variable.dtype) for variable in context.model.trainable_variables]
    lost = [precision for precision in precisions if pace.epsilon < SMALLEST.get(precision, 0.0)]
    if not lost:
        return
    yield context.finding(
        "error" if lost[0] == "float16" else "warning",  # in others, only a gradient of exactly 0 does harm
        "optimiser",
        f"The epsilon of the optimiser is {pace.epsilon:.1g}, but the smallest normal number of {lost[0]} is "
        f"{SMALLEST[lost[0]]:.2g}, and {len(lost)} of {plural(len(precisions), 'variable')} "
        f"{'have' if len(lost) > 1 else 'has'} this precision.",
        {"epsilon": pace.epsilon, "smallest": SMALLEST[lost[0]]},
        "" if lost[0] == "float16" else "leave epsilon at its default, 1e-7.",
    )
