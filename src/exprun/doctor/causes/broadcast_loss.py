"""broadcast-loss: a loss that compares each output with the labels of all examples."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.loss_trials import check_reported

CAUSE = Cause(
    id="broadcast-loss",
    why="Such a loss is lowest if the network gives every example the same output, the mean of the labels.",
    source="NumPy documentation, Broadcasting",
    phases=(Phase.FIRST_BATCH,),
    explains_symptoms=True,
    explains=("shuffled-labels", "learning-rate-low", "learning-rate-high"),
    keras="y = tf.reshape(y, tf.shape(y_pred)) in the first line of the loss, so that both have the same shape.",
    in_code=True,
)


def check(context: Context) -> Iterator[Finding]:
    """Find a loss of one's own that compares each output with the labels of all examples."""
    subject, outputs = context.subject, context.forward.outputs
    if subject.objective is not None:
        yield from context.task.get(CAUSE.id, ())
    elif subject.first_loss is not None and outputs.size == len(outputs) and subject.labels.size == len(subject.labels):
        for some in context.first_outputs:
            found = list(check_reported(subject.first_loss, some, subject.labels))
            if found:
                (finding,) = found
                yield context.finding(finding.severity, finding.where, finding.evidence)
                return
