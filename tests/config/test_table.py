"""The tables of groups and keys in the documentation are those of the schema and of the option files."""

import yaml

from exprun.config.options import shipped_conf
from exprun.config.schema import GROUPS, known_keys
from exprun.config.table import PAGE, group_table, key_table, with_tables

MARKS = ("<!-- groups -->", "<!-- /groups -->", "<!-- keys -->", "<!-- /keys -->")


def test_the_page_has_the_tables_of_schema_and_files() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(page.count(mark) == 1 for mark in MARKS)
    assert with_tables(page) == page, "run python -m exprun.config.table"


def test_every_group_has_one_row_with_its_default_and_all_its_options() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in group_table().splitlines()[2:]]
    root = yaml.safe_load((shipped_conf() / "config.yaml").read_text(encoding="utf-8"))
    default = {
        group: option for entry in root["defaults"] if isinstance(entry, dict) for group, option in entry.items()
    }
    assert [row[0] for row in rows] == [f"`{group}`" for group in (*GROUPS, "experiment")]
    for (group, _, shown, listed), name in zip(rows, (*GROUPS, "experiment"), strict=True):
        assert shown == (f"`{default[name]}`" if default[name] else "–"), group
        files = sorted(file.stem for file in (shipped_conf() / name).glob("*.yaml"))
        assert listed == " ".join(f"`{file}`" for file in files)


def test_options_of_ones_own_are_not_in_the_table(tmp_path) -> None:
    (tmp_path / "conf/norm").mkdir(parents=True)
    (tmp_path / "conf/norm/mine.yaml").write_text("# Mine.\nname: none\n")
    assert "mine" not in group_table()


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
    assert "| `norm.where` | list of choices | in YAML | `conv`, `dense` | batch, layer, group, instance" in table
    assert "| `trainer.jit` | true or false or choice | `auto` | `auto` |  | " in table


def test_rewriting_keeps_the_rest_of_the_page() -> None:
    first, first_end, second, second_end = MARKS
    page = with_tables(f"before\n\n{first}\nstale\n{first_end}\nbetween\n{second}\nstale\n{second_end}\nafter\n")
    assert page.startswith("before\n\n")
    assert f"{first_end}\nbetween\n{second}" in page
    assert page.endswith(f"{second_end}\nafter\n")
    assert "stale" not in page
    assert with_tables(page) == page
