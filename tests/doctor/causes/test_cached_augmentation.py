"""cached-augmentation: random augmentation before cache(), so that every epoch gets the same augmented images."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import Network, after_epochs, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import cached_augmentation
from exprun.doctor.history import Evaluation
from exprun.doctor.instruments.pipelines import drawn_once


class Stage:
    """A stage of a pipeline with the operations of its function."""

    def __init__(self, *inputs, does=()):
        self.inputs, self.does = inputs, does

    def _inputs(self):
        return self.inputs

    def _functions(self):
        library = SimpleNamespace(function=[SimpleNamespace(node_def=[SimpleNamespace(op=op) for op in self.does[1:]])])
        graph = SimpleNamespace(node=[SimpleNamespace(op=op) for op in self.does[:1]], library=library)
        graph.as_graph_def = lambda: graph
        return [SimpleNamespace(function=SimpleNamespace(graph=graph))] if self.does else []


class CacheDataset(Stage):
    pass


class _ParallelMapDataset(Stage):
    pass


FLIP = ("Reshape", "RandomUniform")  # the second one is in a function inside the function
IMAGES = Stage()


def test_a_random_operation_before_the_cache():
    assert drawn_once(Stage(CacheDataset(_ParallelMapDataset(IMAGES, does=FLIP)))) == ["RandomUniform"]
    assert drawn_once(CacheDataset(Stage(Stage(_ParallelMapDataset(IMAGES, does=FLIP)), IMAGES))) == ["RandomUniform"]


@pytest.mark.parametrize(
    "pipeline",
    [
        IMAGES,
        CacheDataset(IMAGES),
        _ParallelMapDataset(CacheDataset(IMAGES), does=FLIP),
        _ParallelMapDataset(CacheDataset(_ParallelMapDataset(IMAGES, does=FLIP)), does=FLIP),
        CacheDataset(_ParallelMapDataset(IMAGES, does=("Reshape", "Cast"))),
    ],
)
def test_pipelines_that_draw_anew_or_not_at_all(pipeline):
    assert drawn_once(pipeline) == []


def check(times=2, val_loss=1.0, accuracy=0.7, cached=("RandomUniform",), layers=()):
    history = after_epochs([0.1] * times, accuracy=0.99)
    history.drawn_once, history.val_images = list(cached), 300
    context = training(Phase.EVALUATION, history, 100, Network())
    vars(context)["layers"] = [SimpleNamespace(class_name=name) for name in layers]
    for _ in range(times):
        history.evaluations.append(Evaluation(val_loss, accuracy, 0.1, 0.99))
        findings = found(cached_augmentation, context)
    return findings


def test_a_network_that_overfits():
    [finding] = check()
    assert (finding.severity, finding.where) == ("warning", "training batches")
    assert "has drawn random numbers (RandomUniform), so each epoch has the same images" in finding.evidence
    assert check(accuracy=np.nan)


def test_networks_that_are_well():
    assert check(times=1) == []
    assert check(val_loss=0.2) == []
    assert check(accuracy=0.96) == []  # by luck
    assert check(cached=()) == []
    assert check(layers=["Conv2D", "RandomFlip"]) == []
