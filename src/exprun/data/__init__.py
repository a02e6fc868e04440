"""Find, decode, cache and split the images of a run."""

from exprun.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
