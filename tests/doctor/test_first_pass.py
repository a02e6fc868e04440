"""The first results of each batch of programs that the doctor was not tuned for."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

BATCHES = sorted(path.parent for path in (Path(__file__).parent / "first_pass").glob("*/first_pass.json"))
PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
ROWS = {
    "rules": "rules alone",
    "referenced": "with references",
    "findings": "with references and experiments",
    "experiments": "experiments alone",
}


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch.name)
def test_the_page_has_the_results_of_the_first_run(batch):
    programs = json.loads((batch / "first_pass.json").read_text())["programs"]
    causes = json.loads((batch / "causes.json").read_text())
    assert programs.keys() == causes.keys() == {path.stem for path in batch.glob("*.py")}
    table = PAGE.read_text().partition(f"\n| {batch.name} (")[2]
    for column, evidence in ROWS.items():
        grades = Counter(program[column]["buggy"] for program in programs.values())
        alarms = sum(program[column]["alarm"] for program in programs.values())
        expected = [*(grades[grade] for grade in ("first", "second", "named", "wrong", "missed")), alarms]
        shown = re.search(rf"\| {evidence} \|([ \d|]*)\|\n", table)[1]
        assert [int(number) for number in shown.split("|")] == expected
