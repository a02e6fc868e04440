"""mixed-examples: outputs for an image that depend on the other images of its batch."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="mixed-examples",
    why="The output for an image must not depend on the other images in its batch.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.STRUCTURE,),
    explains_symptoms=True,
    explains=("shuffled-labels", "softmax-twice", "output-activation", "missing-softmax"),
    keras=(
        "find the operation that works across axis 0, the batch, and apply it within each image. It may be attention "
        "(q @ k.T needs the shape (batch, positions, channels), before pooling), a reshape, a transpose, a mean or "
        "softmax over axis 0, or BatchNormalization called with training=True."
    ),
)
