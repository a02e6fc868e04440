"""The names of the cells of a notebook, whose code lies in files with meaningless names."""

from collections.abc import Callable, Mapping

_numbers: list[Callable[[], Mapping[str, int]]] = []


def name_files(numbers: Callable[[], Mapping[str, int]]) -> None:
    """Set how the number of a cell is found.

    Args:
        numbers: returns the number of the cell in each file.
    """
    _numbers[:] = [numbers]


def name_of(file: str) -> str | None:
    """The name of the cell whose code is in a file, such as "cell 3"; None if the file is no cell."""
    number = next((numbers().get(file) for numbers in _numbers), None)
    return None if number is None else f"cell {number}"
