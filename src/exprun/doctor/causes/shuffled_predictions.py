"""shuffled-predictions: predictions in another order than that of the data."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="shuffled-predictions",
    why="Compared with labels in the order of the data, even perfect predictions seem to be no better than luck.",
    source="Keras API reference, Model.predict; TensorFlow API reference, tf.data.Dataset.shuffle",
    phases=(Phase.LATER,),
    keras=(
        "do not shuffle what predict gets: leave out .shuffle(…), or pass shuffle=False to flow, flow_from_directory "
        "or image_dataset_from_directory."
    ),
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find predictions of a pipeline that draws the order of its rows anew each time."""
    use = context.use
    if use is not None and use.call == "predict" and use.is_shuffled:
        yield context.finding(
            "warning",
            use.name,
            "The pipeline that is predicted draws the order of its images anew each time that it is read, so the "
            "predictions do not come in the order of the labels or file names.",
        )
