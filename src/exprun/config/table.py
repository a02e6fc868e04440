"""Write the tables in docs/configuration.md: run `python -m exprun.config.table` in a checkout."""

from exprun.config.keys import PRESETS, Key, keys_of, meaning_of
from exprun.config.options import default_options, options_in, root_settings, shipped_conf
from exprun.config.schema import GROUPS
from exprun.markdown import replace_between

PAGE = shipped_conf().parent / "docs" / "configuration.md"
_GROUP_HEAD = "| Group | What it decides | Default | Options |\n| --- | --- | --- | --- |\n"
_KEY_HEAD = "| Key | Type | Default | Allowed | Used by | Meaning |\n| --- | --- | --- | --- | --- | --- |\n"


def group_table() -> str:
    """A Markdown table of the groups, with the description, the default and the options of each."""
    shipped = [shipped_conf()]
    options, default = options_in(shipped), default_options(root_settings(shipped))
    rows = []
    for group in (*GROUPS, PRESETS):
        first = f"`{default[group]}`" if group in default else "–"
        rows.append(f"| `{group}` | {meaning_of(group)} | {first} | {' '.join(f'`{o}`' for o in options[group])} |\n")
    return _GROUP_HEAD + "".join(rows)


def key_table() -> str:
    """Markdown tables of the keys of the schema, one table for each group."""
    parts = [f"### No group\n\n{_KEY_HEAD}{''.join(map(_row, keys_of('')))}"]
    parts += [f"### {g}\n\n{meaning_of(g)}\n\n{_KEY_HEAD}{''.join(map(_row, keys_of(g)))}" for g in GROUPS]
    return "\n".join(parts)


def with_tables(page: str) -> str:
    """The page with both tables between their marks, in place of the old tables."""
    for name, table in (("groups", group_table()), ("keys", key_table())):
        page = replace_between(page, name, table)
    return page


def _row(key: Key) -> str:
    default = "in YAML" if key.default is None else f"`{key.default}`"
    allowed = ", ".join([*(f"`{value}`" for value in key.values), *key.limits])
    return f"| `{key.name}` | {key.type} | {default} | {allowed} | {', '.join(key.users)} | {key.meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
