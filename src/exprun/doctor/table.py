"""Rewrite the table of causes in docs/doctor.md of a checkout: `python -m exprun.doctor.table`."""

from exprun.config.options import shipped_conf
from exprun.doctor.finding import CAUSES
from exprun.markdown import replace_between

PAGE = shipped_conf().parent / "docs" / "doctor.md"


def with_causes(page: str) -> str:
    """The page with a new table of causes between its two marks."""
    head = "| Cause | Why it matters | Source | In Keras |\n| --- | --- | --- | --- |\n"
    rows = "".join(f"| `{name}` | {c.why} | {c.source} | {c.keras} |\n" for name, c in CAUSES.items())
    return replace_between(page, "causes", head + rows)


if __name__ == "__main__":
    PAGE.write_text(with_causes(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
