"""The table of keys in the documentation is the schema's."""

from exprun.config.schema import known_keys
from exprun.config.table import END, PAGE, START, key_table, with_table


def test_page_has_the_table_of_the_schema() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert START in page
    assert END in page
    assert with_table(page) == page, "run python -m exprun.config.table"


def test_every_key_has_one_row() -> None:
    rows = [line.split("`")[1] for line in key_table().splitlines() if line.startswith("| `")]
    parts = (
        "init.first.",
        "init.conv.",
        "init.dense.",
        "init.classifier.",
    )  # keys of the mapping that their row describes
    assert sorted(rows) == sorted(key for key in known_keys() if not key.startswith(parts))


def test_a_row_names_type_default_range_and_options() -> None:
    table = key_table()
    assert "| `data.size` | whole number or null | `null` | ≥ 1, ≤ 4,096 |  | " in table
    assert "| `norm.where` | list of choice | in YAML | `conv`, `dense` | batch, layer, group, instance" in table
    assert "| `trainer.jit` | true or false or choice | `auto` | `auto` |  | " in table


def test_rewriting_keeps_the_rest_of_the_page() -> None:
    page = with_table(f"before\n\n{START}\nstale row\n{END}\nafter\n")
    assert page.startswith("before\n\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "stale row" not in page
    assert with_table(page) == page
