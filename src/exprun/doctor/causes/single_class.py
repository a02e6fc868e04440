"""single-class: labels that are all the same class."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="single-class",
    why=(
        "If all labels are the same class, predicting this class for every image is always correct, so the network "
        "learns nothing from the images."
    ),
    source="Humbatova et al. 2020, arXiv:1910.11015, training data",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("class-imbalance", "shuffled-labels", "unshuffled-data"),
    keras=(
        "print np.unique(y, return_counts=True) after loading and after splitting; if a data set is sorted by class, "
        "shuffle it before you split it or read a part of it."
    ),
)
