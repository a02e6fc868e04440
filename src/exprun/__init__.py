"""A config-driven experiment runner for image-classification CNNs."""

from typing import TYPE_CHECKING, Any

from exprun.version import __version__

__all__ = ["RunResult", "Session", "__version__", "run", "show"]

if TYPE_CHECKING:
    from exprun.commands.show import show
    from exprun.run_result import RunResult
    from exprun.runner import run
    from exprun.session import Session


def __getattr__(name: str) -> Any:
    """An attribute whose module is imported only when it is used, so that `--help` and errors stay fast."""
    if name == "show":
        from exprun.commands.show import show

        return show
    if name in __all__:
        from exprun import runner

        return getattr(runner, name)
    raise AttributeError(f"module 'exprun' has no attribute '{name}'")


def load_ipython_extension(ipython: Any) -> None:
    """Add the cell magic `%%diagnose`; called by `%load_ext exprun` in a notebook."""
    from exprun.diagnose.notebook import load

    load(ipython)
