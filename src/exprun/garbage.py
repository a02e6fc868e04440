"""Python's garbage collector in a process that trains one run after another.

Its scans look at every object that is alive, and TensorFlow, Keras and a compiled step are some million objects that
stay: without `freeze`, a scan takes longer than many a short run.
"""

import gc

_frozen = False


def freeze() -> None:
    """Exclude everything that is alive from further scans, once; what is alive is kept until `unfreeze`.

    To be called between two runs, after the first has imported and compiled.
    """
    global _frozen
    gc.collect()  # the network of the run before, whose values the shared step has taken
    if not _frozen:
        gc.freeze()
        _frozen = True


def unfreeze() -> None:
    """Include everything in scans again, so that what is not used any more can be freed."""
    global _frozen
    if _frozen:
        gc.unfreeze()
        _frozen = False
