"""What `explain` compares, and everything it has found out about it so far."""

from dataclasses import dataclass, field
from pathlib import Path

from exprun.doctor.finding import Finding
from exprun.explain.candidates import Candidate, Refused
from exprun.explain.verdict import ValidationChance


@dataclass
class Study:
    """A comparison: what is compared, and what is known about it.

    Args:
        command: the command line that repeats it.
        overrides: overrides of the config that is explained.
        ends: the config as it is, and with `--against` the other one.
        minutes: minutes that the comparison may take.
        seeds: number of seeds of the last rung.
        folder: folder of the comparison.
        changes: changes that are compared.
        refused: changes that are not compared, and why.
        findings: findings about the config as it is, before training.
        pair: labels of the two changes that were also measured together.
        chance: chance level of the validation images.
        whole: number of steps of the person's own run.
        notes: further sentences that a reader has to know.
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
    pair: tuple[str, str] | None = None
    chance: ValidationChance = field(default_factory=lambda: ValidationChance(0.0, 0.0, 0))
    whole: int = 0
    notes: list[str] = field(default_factory=list)
