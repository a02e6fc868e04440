"""repeated-batches: training batches that all hold the same images."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.text import plural

CAUSE = Cause(
    id="repeated-batches",
    why="If every batch holds the same examples, the network memorises them and never sees the others.",
    source="Keras API, Model training APIs, fit",
    phases=(Phase.DATA,),
    explains=("unused-data", "no-generalization", "overfitting", "single-class", "class-imbalance", "unshuffled-data"),
    keras=(
        "start the generator once, before the loop that yields its batches, because next(generator()) starts it again "
        "each time; with tf.data, leave out take(1) before repeat(); then check that two batches differ."
    ),
)
MIN_BATCHES = 3  # batches that show that the same images return
MIN_IMAGES = 6  # different images in a batch: a set of four, such as XOR, may well be one batch that is repeated


def check(context: Context) -> Iterator[Finding]:
    """Find batches that all hold the same images, in any order.

    Batches of only one image are left to `constant-input`.
    """
    train, batches = context.subject.train, len(context.subject.batches)
    if batches < MIN_BATCHES or not len(train.inputs) or len(train.inputs) % batches:
        return
    size = len(train.inputs) // batches  # batches of the same images have the same size
    complete = len(train.digests) // size  # of large images, not all have digests
    each = [sorted(train.digests[number * size : (number + 1) * size]) for number in range(complete)]
    if complete < MIN_BATCHES or len(set(each[0])) < MIN_IMAGES or any(one != each[0] for one in each):
        return
    yield context.finding(
        "warning",
        "training batches",
        f"All {complete} batches checked hold the same {plural(size, 'image')}, bit for bit. If the data set has more, "
        "the network never sees them.",
        {"batches": complete, "images": size},
    )
