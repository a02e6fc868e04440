"""The table of causes in docs/doctor.md: `python -m exprun.doctor.table` rewrites it in a checkout."""

from exprun.config.options import shipped_conf
from exprun.doctor.finding import CAUSES
from exprun.markdown import replace_between

PAGE = shipped_conf().parent / "docs" / "doctor.md"


def with_causes(page: str) -> str:
    """A page with the table between its two marks; what was there is replaced."""
    head = "| Cause | Why it matters | Source | In Keras |\n| --- | --- | --- | --- |\n"
    rows = "".join(f"| `{name}` | {c.why} | {c.source} | {c.keras} |\n" for name, c in CAUSES.items())
    return replace_between(page, "causes", head + rows)


if __name__ == "__main__":
    PAGE.write_text(with_causes(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
