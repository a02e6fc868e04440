"""The lines of a run's journal, `metrics.jsonl`, as they are read while a run writes them."""

import json
from pathlib import Path
from typing import Any

from exprun import metrics as names


def read_journal_from(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The complete lines of a journal after an offset, and the offset of the next line.

    Args:
        path: the path of the journal.
        offset: the number of bytes to skip.
    """
    if not path.exists():
        return [], offset
    with open(path, "rb") as file:
        file.seek(offset)
        content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    rows = []
    for line in complete.splitlines():
        try:
            row = json.loads(line)
            row["metrics"] = names.current(row["metrics"])
            row["step"], row["time"]
        except (ValueError, KeyError, TypeError):
            continue
        rows.append(row)
    return rows, offset + len(complete)
