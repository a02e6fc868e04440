"""A page that was written, and how a notebook shows it."""

import html
import os
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    """A page that was written; a notebook shows it if it is the last value of a cell.

    Args:
        path: the path of its file.
    """

    path: Path

    def _repr_html_(self) -> str:
        return framed(self.path.read_text(encoding="utf-8"))


def framed(page: str) -> str:
    """A page as a frame in a notebook; its script can reach nothing outside of the frame.

    Args:
        page: the text of the page.
    """
    return (
        '<iframe sandbox="allow-scripts" style="width:100%;height:42rem;border:1px solid #8888" title="page" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def open_page(address: str) -> bool:
    """Open an address in a browser; returns False if this machine cannot show one."""
    return has_display() and webbrowser.open(address)


def has_display() -> bool:
    """Whether this machine can show a browser."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def is_notebook() -> bool:
    """Whether this process runs the cells of a notebook, which shows the last value of a cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
