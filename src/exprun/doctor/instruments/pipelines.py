"""Reads the stages of a `tf.data` pipeline, without running it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_STAGES = 200  # stages of a pipeline that are read
INFINITE = -1  # how `tf.data` says that a pipeline does not end


@dataclass(frozen=True)
class Taken:
    """Elements of a pipeline.

    Args:
        count: how many elements pass.
        total: how many there are.
        are_batches: whether an element is a batch.
    """

    count: int
    total: int
    are_batches: bool


def drawn_once(dataset: Any) -> list[str]:
    """The random operations whose results a pipeline caches, so that later epochs get the same results.

    Args:
        dataset: the last stage of the pipeline, a `tf.data.Dataset`.

    Returns:
        The types of the operations, sorted; empty if a stage after the cache draws random numbers again.
    """
    fresh: set[str] = set()
    cached: set[str] = set()
    for stage, is_cached in stages(dataset):
        for function in stage._functions():
            (cached if is_cached else fresh).update(_random_operations(function))
    return [] if fresh else sorted(cached)


def is_shuffled(data: Any) -> bool:
    """Whether a pipeline draws the order of its rows anew each time.

    Args:
        data: a `tf.data.Dataset`, an iterator of `ImageDataGenerator`, or anything else that a method of Keras takes.
    """
    if is_pipeline(data):
        return any(
            "Shuffle" in type(stage).__name__ and getattr(stage, "_reshuffle_each_iteration", None) is not False
            for stage, _ in stages(data)
        )
    return hasattr(data, "index_array") and getattr(data, "shuffle", False) is True


def taken(dataset: Any, *others: Any) -> Taken | None:
    """The narrowest `take` of a pipeline that always lets through the same part of a longer one; None without one.

    A part of a pipeline of which another data set of the script gets the rest is a split, and no matter of interest.

    Args:
        dataset: the last stage of the pipeline, a `tf.data.Dataset`.
        *others: other data sets of the script, such as that of validation.
    """
    used = {id(stage) for other in others if is_pipeline(other) for stage, _ in stages(other)}
    found = []
    for stage, _ in stages(dataset):
        if type(stage).__name__.strip("_") != "TakeDataset":
            continue
        before = [earlier for earlier, _ in stages(stage._inputs()[0])]
        count, total = int(stage._count), int(before[0].cardinality())
        if 0 < count < total and not any(id(one) in used for one in before) and not is_shuffled(before[0]):
            found.append(Taken(count, total, _holds_batches(before)))
    return min(found, key=lambda one: one.count / one.total, default=None)


def length(dataset: Any) -> Taken | None:
    """The elements of a finite pipeline, or of the part of it before it repeats; None if there is no such number."""
    for stage, _ in stages(dataset):
        if (total := int(stage.cardinality())) > 0:
            return Taken(total, total, _holds_batches([one for one, _ in stages(stage)]))
        if total != INFINITE or len(stage._inputs()) != 1:
            return None
    return None


def is_pipeline(data: Any) -> bool:
    """Whether data is a `tf.data.Dataset`."""
    return hasattr(data, "_inputs") and hasattr(data, "element_spec")


def _holds_batches(before: list[Any]) -> bool:
    return any("Batch" in type(stage).__name__.replace("Unbatch", "") for stage in before)


def stages(dataset: Any) -> Iterator[tuple[Any, bool]]:
    """The stages of a pipeline, from its end, each with whether a later stage caches its results."""
    waiting, seen = [(dataset, False)], 0
    while waiting and seen < MAX_STAGES:
        stage, is_cached = waiting.pop()
        seen += 1
        yield stage, is_cached
        is_cached = is_cached or type(stage).__name__.strip("_").startswith("CacheDataset")
        waiting += [(earlier, is_cached) for earlier in stage._inputs()]


def _random_operations(function: Any) -> set[str]:
    graph = function.function.graph.as_graph_def()
    nodes = [graph.node, *(inner.node_def for inner in graph.library.function)]
    return {node.op for some in nodes for node in some if "Random" in node.op}
