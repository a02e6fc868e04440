"""How far the scores of classifiers are above luck, for one class and for several labels."""

import numpy as np
import pytest

from exprun.doctor.instruments.classifiers import CLASSIFIERS, Labelled, _beyond_luck, _beyond_luck_of_several

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(300, 8)).astype(np.float32)
SEVERAL = (FEATURES[:, :3] + 0.5 * RNG.normal(size=(300, 3)) > 0.8).astype(np.float32)


def test_one_hot_labels_are_as_far_above_luck_as_their_classes():
    labels, scores = RNG.integers(0, 4, 200), RNG.normal(size=(200, 4))
    scores[np.arange(200), labels] += 0.3
    wanted = _beyond_luck(scores, labels)
    assert _beyond_luck_of_several(scores, np.eye(4)[labels]) == pytest.approx(wanted)


@pytest.mark.filterwarnings("ignore::UserWarning")  # some images are in all samples of a few trees
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_several_labels_are_above_luck_unless_they_are_shuffled(classifier):
    right = Labelled(FEATURES, SEVERAL)
    assert right.accuracy_of(classifier).above_luck
    assert right.accuracy_of(classifier).accuracy > right.chance
    shuffled = Labelled(FEATURES, SEVERAL[np.random.default_rng(1).permutation(300)])
    assert not shuffled.accuracy_of(classifier).above_luck
    assert right.accuracy_of(classifier, right).above_luck
    assert right.counts.tolist() == SEVERAL.sum(axis=0).tolist()
