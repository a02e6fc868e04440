"""Build the Keras model of a run from a list of layers or from a Python function."""

from exprun.model.build import Built, build

__all__ = ["Built", "build"]
