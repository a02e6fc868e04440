"""The first lines of the scripts of pages: what they take from other scripts, which are joined to one module."""

import re
from collections import Counter
from pathlib import Path

import pytest

import exprun

SCRIPTS = {path: path.read_text(encoding="utf-8") for path in sorted(Path(exprun.__file__).parent.rglob("*.js"))}
OWN = {path: text for path, text in SCRIPTS.items() if "uplot" not in path.parts}
DEFINED = re.compile(r"^(?:async )?(?:function|class|const|let) (?:(\w+)|[{\[]([^}\]]+)[}\]])", re.MULTILINE)


def head_and_body(text):
    lines = text.splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("//"))
    head = " ".join(line.removeprefix("//").strip() for line in lines[:length])
    return head, re.sub(r"//.*", "", "\n".join(lines[length:]))


def definitions(text):
    return {name.strip() for single, several in DEFINED.findall(text) for name in (single or several).split(",")}


def is_in(name, text):
    return re.search(rf"\b{name}\b", text) is not None


@pytest.mark.parametrize("path", OWN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_names_that_a_script_takes_are_defined_and_used(path):
    head, body = head_and_body(OWN[path])
    taken = [
        (file, name) for file, names in re.findall(r"From (\w+\.js): ([^.]*)\.", head) for name in names.split(", ")
    ]
    for file, name in taken:
        sources = [text for other, text in OWN.items() if other.name == file]
        assert any(name in definitions(text) for text in sources), f"{file} does not define {name}"
        assert is_in(name, body), f"{name} of {file} is not used"


def test_each_definition_is_used():
    words = Counter(word for text in OWN.values() for word in re.findall(r"\w+", head_and_body(text)[1]))
    for path, text in OWN.items():
        for name in definitions(text):
            assert words[name] > 1, f"{name} of {path.name} is not used"
