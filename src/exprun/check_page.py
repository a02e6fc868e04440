"""The page of the command `check`: its findings, each with the picture that proves it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exprun.assembly import Assembly, assemble
from exprun.check import Checked, with_fewer_drawn
from exprun.config.errors import UserError
from exprun.config.schema import Config
from exprun.doctor.cause import Finding
from exprun.doctor.context import Context
from exprun.doctor_page.causes import PICTURES
from exprun.doctor_page.depth import depth_of, first_step
from exprun.doctor_page.figures import Figure
from exprun.doctor_page.material import Material
from exprun.doctor_page.page import Part, Shown, drawn, page, verdict
from exprun.doctor_page.statistics import Statistics, statistics_of
from exprun.pages.depth import Depth
from exprun.run_doctor import same_images
from exprun.session import Session

log = logging.getLogger(__name__)
THIS, AFTER = "this network", "after its first step"
MOST = 2  # networks to compare with
MAX_PARAMETERS = 20_000_000  # of a network that is compared with others: to build larger ones takes seconds
SECONDS = 1.5  # of processors, after which no further network is built to compare with
USUAL = ("init=he_normal", "norm=batch")  # unless a finding proposes others
SIGNAL = frozenset(("signal", "gradient", "dead", "update"))  # the pictures that show the networks to compare with
# Overrides that change the signal of a network before its first step.
CHANGING = ("init=", "norm=", "input=", "model.activation=", "fault=")


def check_page(checked: Checked, config_with: Callable[[str], Config], session: Session, command: str) -> str:
    """The text of the page.

    Args:
        checked: the config that was examined, and the findings.
        config_with: returns the config with a further override, or several with spaces between.
        session: the session, whose data the other networks share.
        command: the command that makes the page again.
    """
    config = checked.config
    title = f"Check of {config.model.label} on {config.data.name}"
    shown = [Shown(finding) for finding in checked.findings]
    part = Part("", shown, figures_of(checked, config_with, session), note=checked.note)
    return page(title, verdict(checked.findings), [part], command)


def figures_of(checked: Checked, config_with: Callable[[str], Config], session: Session) -> dict[str, Figure]:
    """All pictures of a config, by their kind.

    Args:
        checked: the config that was examined, and the findings.
        config_with: returns the config with a further override, or several with spaces between.
        session: the session, whose data the other networks share.
    """

    def known() -> Material:
        subject = checked.context.subject
        is_large = subject.model.count_params() > MAX_PARAMETERS
        others = [] if is_large else alternatives(checked.findings, checked.config)
        val_labels = None if subject.val is None else subject.val.labels
        depths: list[Depth] = []
        trained: np.ndarray | None = None
        statistics: Statistics | None = None
        try:
            depths = depths_of(checked, config_with, session, others)
            found = checked.context.forward
            trained, statistics = found.outputs, statistics_of(found)
        except Exception:  # the other pictures do not need the passes
            log.info("The signal could not be measured", exc_info=True)
        labels = subject.train.labels
        return Material(subject, labels, val_labels, depths=depths, statistics=statistics, trained=trained)

    return drawn(checked.findings, known)


def depths_of(
    checked: Checked,
    config_with: Callable[[str], Config],
    session: Session,
    overrides: Sequence[str],
    seconds: float = SECONDS,
) -> list[Depth]:
    """The signal of the network, and of networks that differ in some overrides, from the same seed.

    Args:
        checked: the config that was examined.
        config_with: returns the config with a further override, or several with spaces between.
        session: the session, whose data the other networks share.
        overrides: the overrides of the networks to compare with; those that cannot be built are left out.
        seconds: the time of processors after which only the first of these networks is built.
    """
    found = _depths(THIS, checked.assembly, checked.context, is_stepping=bool(overrides))
    if not found:
        return []
    own = len(found)
    started = time.process_time()
    for override in overrides:
        if len(found) > own and time.process_time() - started > seconds:
            break
        try:
            assembly = assemble(with_fewer_drawn(config_with(override)), session)
        except UserError:  # the network may not be possible, such as batch norm in a network that is given as code
            continue
        found += _depths(override, assembly, same_images(checked.context, assembly))
    return found


def alternatives(findings: Sequence[Finding], config: Config) -> list[str]:
    """The overrides of the networks to compare with: what findings propose, or else what usually keeps a signal."""
    of_depth = [one for one in findings if one.severity != "note" and SIGNAL & {*PICTURES.get(one.cause, ())}]
    proposed = [remedy for finding in of_depth for remedy in finding.overrides]
    of_signal = [one for one in proposed if all(part.startswith(CHANGING) for part in one.split())]
    current = {f"init={config.init.name}", f"norm={config.norm.name}"}
    usual = [] if config.model.layers is None else [one for one in USUAL if one not in current]
    return list(dict.fromkeys([*of_signal, *usual]))[:MOST]


def _depths(name: str, assembly: Assembly, context: Context, is_stepping: bool = False) -> list[Depth]:
    """The signal of a network, and the same after its first step if that is asked for and can be made."""
    step, found = assembly.step, context.forward
    optimizer: Any = getattr(step.optimizer, "inner_optimizer", step.optimizer)
    after = None
    with first_step(step.model, optimizer, found) as updates:
        if updates and is_stepping and any(call.layer.is_relu for call in found.calls):
            after = depth_of(AFTER, replace(context).forward, step.model)
    depths = (depth_of(name, found, step.model, updates), after)
    return [one for one in depths if one is not None]
