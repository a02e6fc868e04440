"""Control Python's garbage collector in a process that trains several runs.

The garbage collector scans all objects that are alive. TensorFlow, Keras and a compiled step are about a million
objects that stay alive, so a scan can take longer than a short run. `freeze` excludes them from the scans.
"""

import gc

_frozen = False


def freeze() -> None:
    """Exclude all objects that are alive from further scans until `unfreeze` is called.

    Call it between two runs, after the first run has imported TensorFlow and compiled its step. Later calls only
    collect garbage.
    """
    global _frozen
    gc.collect()  # frees the network of the last run, whose weights have been copied into the shared step
    if not _frozen:
        gc.freeze()
        _frozen = True


def unfreeze() -> None:
    """Include all objects in the scans again, so that those that are no longer used can be freed."""
    global _frozen
    if _frozen:
        gc.unfreeze()
        _frozen = False
