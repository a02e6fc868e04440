"""cached-augmentation: random augmentation before cache(), so that every epoch gets the same augmented images."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.history import LUCK
from exprun.text import rounded

CAUSE = Cause(
    id="cached-augmentation",
    why="Augmentation that is drawn once gives the network no new examples: it memorises the augmented ones.",
    source="TensorFlow guide, Better performance with the tf.data API, caching",
    phases=(Phase.EVALUATION,),
    explains=("overfitting", "no-generalization"),
    keras="call cache() before the map that augments: dataset.cache().shuffle(examples).map(augment).batch(32).",
)
HIGHER = 3.0  # validation loss of a network that overfits, in units of the training loss
MIN_GAP = 0.02  # training accuracy minus validation accuracy, at least
IN_A_ROW = 2  # evaluations in a row that show overfitting


def check(context: Context) -> Iterator[Finding]:
    """Find cached random operations in the pipeline of a network that overfits and does not augment itself."""
    history = context.history
    if not history.drawn_once or any(layer.class_name.startswith("Random") for layer in context.layers):
        return
    last = history.evaluations[-1]
    luck = LUCK * np.sqrt(last.accuracy * (1 - last.accuracy) / history.val_images) if history.val_images else 0.0
    gap = np.isnan(last.accuracy) or last.trained_accuracy - last.accuracy > max(MIN_GAP, luck)
    if context.streak("overfits", bool(gap) and last.loss > HIGHER * last.trained) >= IN_A_ROW:
        yield context.finding(
            "warning",
            "training batches",
            f"The pipeline caches images after it has drawn random numbers ({', '.join(history.drawn_once)}), so each "
            f"epoch has the same images. The loss is {rounded(last.trained)} in training and {rounded(last.loss)} in "
            f"validation{last.accuracies}.",
            {"val_loss": last.loss, "train_loss": last.trained},
        )
