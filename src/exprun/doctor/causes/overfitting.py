"""overfitting: a validation loss that rises while the training loss falls."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.history import LUCK

CAUSE = Cause(
    id="overfitting",
    why="The network memorises its training examples.",
    source="Goodfellow et al. 2016, Deep Learning, section 7.8",
    phases=(Phase.EVALUATION,),
    thresholds={
        "overfitting": Threshold(
            1.5,
            "A run counts as overfitting if the validation loss rises above this multiple of its lowest value.",
            gt=1,
        ),
    },
    is_symptom=True,
    keras="stop earlier, augment, or add dropout and weight decay.",
)
GAP = 0.25  # training accuracy minus validation accuracy
MIN_EVALUATIONS = 3  # evaluations before the lowest validation loss is known
IN_A_ROW = 3  # evaluations in a row that show overfitting


def check(context: Context) -> Iterator[Finding]:
    """Find a validation loss that has risen, or an accuracy far below that of training, for some evaluations."""
    history = context.history
    if history.is_worse_again and context.lag is not None:
        return
    last, images, lowest = history.evaluations[-1], history.val_images, history.lowest_val_loss
    luck = LUCK * np.sqrt(last.accuracy * (1 - last.accuracy) / images) if images else 0.0
    # The loss depends mostly on the wrong predictions; if they are few, it varies more.
    wrong = (1 - np.nan_to_num(last.accuracy)) * images
    loss_luck = LUCK / np.sqrt(max(1.0, wrong)) if images else 0.0
    rose = last.loss > context.threshold("overfitting") * (1 + loss_luck) * lowest
    rose = rose and len(history.evaluations) > MIN_EVALUATIONS
    gap = last.trained_accuracy - last.accuracy > GAP + luck and last.loss > 3 * last.trained
    # If the training images are no better in evaluation, the difference is not due to memorisation.
    memorises = (rose or gap) and last.loss > 2 * max(last.trained, context.inference_loss or 0.0)
    # Not by `confirm`: an evaluation in which moving averages lag does not break the row.
    if context.streak("memorises", memorises) >= IN_A_ROW:
        yield context.finding(
            "note",
            "validation",
            f"The loss is {last.trained:.3f} in training and {last.loss:.3f} in validation (lowest {lowest:.3f})"
            f"{last.accuracies}.",
            {"val_loss": last.loss, "lowest": lowest, "train_loss": last.trained},
        )
