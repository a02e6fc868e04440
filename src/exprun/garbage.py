"""Python's garbage collector in a process that trains one run after another.

A scan of the collector looks at every object that is alive. TensorFlow, Keras and a compiled step are about a million
objects that stay alive, so without `freeze` the scans slow down each further run.
"""

import gc

_frozen = False


def freeze() -> None:
    """Exclude all objects that are alive from further scans, once: they are kept until `unfreeze`.

    To be called between two runs, after the first run has imported and compiled what all of them share.
    """
    global _frozen
    gc.collect()  # frees the network of the previous run, whose values the shared step has copied
    if not _frozen:
        gc.freeze()
        _frozen = True


def unfreeze() -> None:
    """Include everything in scans again, so that what is not used any more can be freed."""
    global _frozen
    if _frozen:
        gc.unfreeze()
        _frozen = False
