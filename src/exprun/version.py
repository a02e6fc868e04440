"""The version of exprun, in a separate module that imports nothing."""

__version__ = "0.1.0"
