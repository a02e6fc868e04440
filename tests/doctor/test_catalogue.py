"""The catalogue of causes, and what is written from it."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import exprun.doctor
from exprun.doctor import Finding, cause, causes, table
from exprun.doctor.causes import CHAIN
from exprun.doctor.limits import limits_of

FILES = {path.stem for path in Path(causes.__file__).parent.glob("*.py")} - {"__init__"}
KNOWN = [module.CAUSE.id for module in CHAIN]


def test_every_file_is_in_the_chain_once_and_named_after_its_cause():
    assert [module.__name__.rsplit(".", 1)[1] for module in CHAIN] == [name.replace("-", "_") for name in KNOWN]
    assert sorted(FILES) == sorted(name.replace("-", "_") for name in KNOWN)


@pytest.mark.parametrize("module", CHAIN, ids=KNOWN)
def test_a_cause_says_what_a_person_needs(module):
    cause = module.CAUSE
    assert cause.why[0].isupper()
    assert cause.why.endswith(".")
    assert cause.keras.endswith(".")
    assert cause.source
    assert cause.phases
    assert set(cause.confirm) <= set(cause.phases)
    assert {*cause.explains, *cause.preempts} <= set(KNOWN) - {cause.id}
    assert module.__doc__.startswith(f"{cause.id}: ")
    assert callable(module.check)


@pytest.mark.parametrize("module", CHAIN, ids=KNOWN)
def test_reasons_and_remedies_are_for_tables_too(module):
    text = f"{module.CAUSE.why} {module.CAUSE.keras}"
    assert module.CAUSE.id == "strong-augmentation" or not re.search(r"images|(every|each|an) (image|row)\b", text)


def test_thresholds_have_one_owner_and_their_defaults_are_valid():
    names = Counter(name for module in CHAIN for name in module.CAUSE.thresholds)
    assert set(names.values()) == {1}
    limits = limits_of({})
    assert {name: getattr(limits, name) for name in names} == {n: t.default for n, t in table.thresholds().items()}


def test_a_threshold_outside_of_its_limits_is_refused():
    with pytest.raises(ValueError, match="dead"):
        limits_of({"dead": 1.5})


@pytest.mark.parametrize(
    ("path", "written"),
    [(table.PAGE, table.with_causes), (table.OPTION, table.with_values), (table.SCHEMA, table.with_fields)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_written_from_the_catalogue_is_up_to_date(path, written):
    text = path.read_text(encoding="utf-8")
    assert written(text) == text, "run: python -m exprun.doctor.table"


def test_a_missing_mark_is_refused():
    with pytest.raises(ValueError, match="no line"):
        table.with_values("name: watch\n")


def test_the_catalogue_and_its_driver_need_neither_keras_nor_tensorflow():
    code = "import sys, exprun.doctor.diagnosis; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_finding_is_printed_before_anything_else_has_imported_the_causes(monkeypatch):
    monkeypatch.setattr(cause, "_catalogue", {})
    monkeypatch.setattr(exprun.doctor, "causes", causes)  # restores what the import below replaces
    for name in [name for name in sys.modules if name.startswith("exprun.doctor.causes")]:
        monkeypatch.delitem(sys.modules, name)
    finding = Finding("dead-relu", "error", "conv1", "It is 0 for every image.")
    assert str(finding).startswith("[dead-relu] error, conv1: It is 0 for every image.")
    assert "[dead-relu] error" in finding._repr_html_()
    assert finding.change_of_code
    with pytest.raises(KeyError):
        cause.cause_of("no-such-cause")
