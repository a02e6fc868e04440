"""The data room: finds, decodes, caches and splits the images of a run."""

from exprun.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
