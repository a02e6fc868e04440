"""The model room: a Keras model from a list of layers or from a Python function."""

from exprun.model.build import Built, build

__all__ = ["Built", "build"]
