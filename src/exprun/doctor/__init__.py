"""The doctor: why a network does not learn, with evidence; for runs of exprun and for any Keras model."""

from typing import TYPE_CHECKING, Any

from exprun.doctor.cause import Finding

__all__ = ["Doctor", "Finding"]

if TYPE_CHECKING:
    from exprun.experiments.callback import Doctor


def __getattr__(name: str) -> Any:
    """Import the callback, and Keras with it, only when it is used."""
    if name == "Doctor":
        from exprun.experiments.callback import Doctor

        return Doctor
    raise AttributeError(f"module 'exprun.doctor' has no attribute '{name}'")
