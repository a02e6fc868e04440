"""The comparison that `explain` makes, and its results so far."""

from dataclasses import dataclass, field
from pathlib import Path

from exprun.doctor.cause import Finding
from exprun.explain.candidates import Candidate, Refused
from exprun.explain.verdict import ValidationChance


@dataclass
class Study:
    """A comparison, and its results so far.

    Args:
        command: the command line that repeats the comparison.
        overrides: the overrides of the config that is explained.
        ends: the config as it is and, with `--against`, the other config.
        minutes: the minutes that the comparison may take.
        seeds: the number of seeds in the last rung.
        folder: the folder of the comparison.
        changes: the changes that are compared.
        refused: the changes that are not compared, and why.
        findings: the findings about the config as it is, before training.
        references: what simple methods reach on the images, as a sentence; empty if nothing is known.
        pair: the labels of the two changes that were also measured together; None if there is no such pair.
        chance: the chance level of the validation images.
        whole: the number of steps of the user's own run.
        notes: further sentences for the report.
    """

    command: str
    overrides: list[str]
    ends: list[Candidate]
    minutes: float
    seeds: int
    folder: Path
    changes: list[Candidate] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    references: str = ""
    pair: tuple[str, str] | None = None
    chance: ValidationChance = field(default_factory=lambda: ValidationChance(0.0, 0.0, 0))
    whole: int = 0
    notes: list[str] = field(default_factory=list)
