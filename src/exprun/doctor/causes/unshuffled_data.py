"""unshuffled-data: a data set sorted by class when it was split or batched."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="unshuffled-data",
    why="If images are sorted by class, each batch pulls the weights towards one class, and a split lacks classes.",
    source="LeCun et al. 1998, Efficient BackProp, section 4.2",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("learning-rate-high", "lagging-batch-norm"),
    keras=(
        "shuffle images and labels together before splitting (validation_split takes the last rows without "
        "shuffling); with tf.data, call dataset.shuffle(number of images) before batch."
    ),
)
