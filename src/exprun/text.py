"""Text for people and JSON for programs: plurals, lists in a sentence, and numbers that JSON does not have."""

import html
import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

LARGE = 1e6  # values that are written with an exponent


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 layer", "1,200 layers"."""
    return f"{count:,} {nouns(count, noun)}"


def nouns(count: int, noun: str) -> str:
    """A noun in the singular or plural, without the count."""
    return noun if count == 1 else f"{noun}s"


def rounded(value: float, digits: int = 3) -> str:
    """A value with some significant digits, and below a million without an exponent: "0.0123", "1,370", "2.5e+07".

    Args:
        value: the value; it may be infinite or NaN.
        digits: the number of significant digits.
    """
    text = f"{value:.{digits}g}"
    return f"{float(text):,g}" if abs(float(text)) < LARGE else text


def joined(names: Sequence[str], word: str = "and") -> str:
    """At least one name as a list in a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def listed(values: Iterable[object], most: int = 5) -> str:
    """The first values, each once, and the number of further ones: "a, b and 3 more".

    Args:
        values: the values to list.
        most: the largest number of values that are written out.
    """
    texts = list(dict.fromkeys(map(str, values)))
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def json_text(value: Any, indent: int | None = 1) -> str:
    """A value as JSON; numbers that are not finite become null, as JSON does not have them.

    Args:
        value: a plain value, or nested mappings, lists and tuples of plain values.
        indent: the spaces by which each level is indented; None to write all of it in one line, without spaces.
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(_without_nan(value), indent=indent, separators=separators, ensure_ascii=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def folded(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """Lines that are folded at a width, with the indentation of what follows a number at their beginning.

    Args:
        lines: the lines.
        width: the number of characters in a line; None to leave the lines as they are.
    """
    for line in lines:
        if width is None or len(line) <= width:
            yield line
            continue
        indent = " " * (len(line) - len(line.lstrip(" 0123456789.")))
        yield from textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def html_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for a notebook; all cells are text, and all columns but the first are aligned right.

    Args:
        headings: the headings of the columns.
        rows: the cells of each row.
    """
    cell = lambda tag, value, side: f'<{tag} style="text-align:{side}">{html.escape(str(value))}</{tag}>'  # noqa: E731
    line = lambda tag, row: "".join(cell(tag, one, "right" if at else "left") for at, one in enumerate(row))  # noqa: E731
    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', headings)}</tr></thead><tbody>{body}</tbody></table>"


def html_lines(*lines: str, title: bool = True) -> str:
    """Lines of text for a notebook, one paragraph each; the first one is bold if it is the title."""
    bold, plain = (lines[:1], lines[1:]) if title else ((), lines)
    texts = (*(f"<b>{html.escape(line)}</b>" for line in bold), *map(html.escape, plain))
    return "".join(f"<p>{text}</p>" for text in texts)
