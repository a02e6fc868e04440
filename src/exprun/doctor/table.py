"""Write what follows from the catalogue of causes: run `python -m exprun.doctor.table` in a checkout.

These are the thresholds in `src/exprun/config/doctor.py` and `conf/doctor/watch.yaml`, and the table of causes in
`docs/doctor.md`. Afterwards, `python -m exprun.config.table` writes the thresholds into `docs/configuration.md`.
"""

import textwrap

from exprun.config.options import shipped_conf
from exprun.doctor.cause import MEASURED, Threshold
from exprun.doctor.causes import CHAIN
from exprun.markdown import replace_between

ROOT = shipped_conf().parent
PAGE, OPTION, SCHEMA = (
    ROOT / name for name in ("docs/doctor.md", "conf/doctor/watch.yaml", "src/exprun/config/doctor.py")
)
MARK = "# Thresholds of the causes, written by `python -m exprun.doctor.table`"
WIDTH = 108  # characters of a string in a line of the schema
LIMITS = ("gt", "ge", "lt", "le")


def with_causes(page: str) -> str:
    """The page with a new table of causes between its two marks."""
    head = "| Cause | Why it matters | Source | In Keras |\n| --- | --- | --- | --- |\n"
    causes = [module.CAUSE for module in CHAIN]
    rows = "".join(f"| `{cause.id}` | {cause.why} | {cause.source} | {cause.keras} |\n" for cause in causes)
    return replace_between(page, "causes", head + rows)


def with_values(option: str) -> str:
    """The option file with the default and the source of each threshold after its mark."""
    return _after_mark(option, "", [_value(name, threshold) for name, threshold in thresholds().items()])


def with_fields(schema: str) -> str:
    """The module of the schema with a field for each threshold after its mark."""
    return _after_mark(schema, "    ", [_field(name, threshold) for name, threshold in thresholds().items()])


def thresholds() -> dict[str, Threshold]:
    """The thresholds of all causes, by name."""
    return {name: threshold for module in CHAIN for name, threshold in module.CAUSE.thresholds.items()}


def _after_mark(text: str, indent: str, lines: list[str]) -> str:
    before, mark, _ = text.partition(f"{indent}{MARK}\n")
    if not mark:
        raise ValueError(f"There is no line {MARK!r}.")
    return before + mark + "".join(lines)


def _value(name: str, threshold: Threshold) -> str:
    value = threshold.default
    text = str(value) if isinstance(value, int) or value >= 1e-4 else f"{value:.1e}"
    source = "" if threshold.source == MEASURED else f"  # {threshold.source}"
    return f"{name}: {text}{source}\n"


def _field(name: str, threshold: Threshold) -> str:
    kind = "int" if isinstance(threshold.default, int) else "float"
    lines = textwrap.wrap(threshold.meaning, WIDTH)
    parts = [*(f"{line} " for line in lines[:-1]), lines[-1]]
    limits = {limit: getattr(threshold, limit) for limit in LIMITS if getattr(threshold, limit) is not None}
    arguments = ["\n        ".join(f'"{part}"' for part in parts), "only=WATCH"]
    arguments += [f"{limit}={value:g}" for limit, value in limits.items()]
    return f"    {name}: {kind} | None = setting(\n" + "".join(f"        {one},\n" for one in arguments) + "    )\n"


if __name__ == "__main__":
    for path, change in ((PAGE, with_causes), (OPTION, with_values), (SCHEMA, with_fields)):
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
