"""The images of a run: find, decode, cache and split them."""

from exprun.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
