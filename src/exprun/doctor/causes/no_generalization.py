"""no-generalization: a validation loss above chance level although training learns."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="no-generalization",
    why="What the network learned in training does not work in validation.",
    source="Zhang et al. 2017, arXiv:1611.03530",
    phases=(Phase.EVALUATION,),
    confirm={Phase.EVALUATION: 2},
    explains=("overfitting",),
    is_symptom=True,
    keras=(
        "compare the labels, the scaling and the origin of both splits; if they agree, augment the training examples "
        "or use a smaller network."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a validation loss clearly above chance level, although training learns and no moving average lags."""
    history, chance = context.history, context.chance
    if chance is None or not history.worse_evaluations:
        return
    if history.is_worse_again and context.lag is not None:
        return
    last = history.evaluations[-1]
    # If the training images are about as bad in evaluation, the cause is not that the validation images differ.
    if last.loss > 2 * (context.inference_loss or 0.0):
        yield context.finding(
            "warning",
            "validation",
            f"The loss is {chance.shown(last.trained)} in training and {chance.shown(last.loss)} in validation"
            f"{last.accuracies}; chance level is a loss of {chance.loss:.3f}."
            if not chance.of_numbers
            else f"The loss is {chance.shown(last.trained)} in training and {chance.shown(last.loss)} in validation; "
            f"{chance.described}.",
            {"train_loss": last.trained, "val_loss": last.loss},
        )
