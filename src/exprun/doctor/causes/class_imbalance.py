"""class-imbalance: one class that most images belong to, without class weights."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="class-imbalance",
    why=(
        "A network that predicts the most frequent class for every image already has a high accuracy, and rare "
        "classes hardly affect the loss."
    ),
    source="Buda et al. 2018, arXiv:1710.05381",
    phases=(Phase.DATA,),
    thresholds={
        "frequent_class": Threshold(
            0.8,
            (
                "The classes count as imbalanced if more than this fraction of the images belongs to the most "
                "frequent class."
            ),
            source="Buda et al. 2018, arXiv:1710.05381: imbalances of 10 and more",
            gt=0,
            lt=1,
        ),
    },
    explains=("collapsed-predictions",),
    keras=(
        "pass class weights to fit: class_weight={c: len(y) / (classes * (y == c).sum()) for c in range(classes)}, "
        "where y holds the class numbers; judge the network by the recall of each class, not by its accuracy."
    ),
    overrides=("data.class_weights=balanced",),
)
