"""Reads the stages of a `tf.data` pipeline, without running it."""

from collections.abc import Iterator
from typing import Any

MAX_STAGES = 200  # stages of a pipeline that are read


def drawn_once(dataset: Any) -> list[str]:
    """The random operations whose results a pipeline caches, so that later epochs get the same results.

    Args:
        dataset: the last stage of the pipeline, a `tf.data.Dataset`.

    Returns:
        The types of the operations, sorted; empty if a stage after the cache draws random numbers again.
    """
    fresh: set[str] = set()
    cached: set[str] = set()
    for stage, is_cached in _stages(dataset):
        for function in stage._functions():
            (cached if is_cached else fresh).update(_random_operations(function))
    return [] if fresh else sorted(cached)


def is_shuffled(data: Any) -> bool:
    """Whether a pipeline draws the order of its rows anew each time.

    Args:
        data: a `tf.data.Dataset`, an iterator of `ImageDataGenerator`, or anything else that a method of Keras takes.
    """
    if hasattr(data, "_inputs") and hasattr(data, "element_spec"):
        stages = (stage for stage, _ in _stages(data))
        return any(
            "Shuffle" in type(stage).__name__ and getattr(stage, "_reshuffle_each_iteration", None) is not False
            for stage in stages
        )
    return hasattr(data, "index_array") and getattr(data, "shuffle", False) is True


def _stages(dataset: Any) -> Iterator[tuple[Any, bool]]:
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
