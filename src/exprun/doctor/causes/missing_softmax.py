"""missing-softmax: logits passed to a loss that takes probabilities."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="missing-softmax",
    why="The loss takes the logarithm of probabilities: values outside 0 to 1 are clipped and get no gradient.",
    source="Schoop et al. 2021, UMLAUT",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("learning-rate-low",),
    preempts=("unscaled-input", "large-first-loss"),
    keras=(
        "set from_logits=True in your loss, for example "
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), or end the model in softmax (in sigmoid "
        "with a binary cross-entropy)."
    ),
)
