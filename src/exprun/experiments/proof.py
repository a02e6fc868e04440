"""Which change makes a network learn: short trainings from its first weights, compared with each other."""

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.states import undrawn
from exprun.experiments.changes import standard
from exprun.experiments.reference import Reference, references
from exprun.experiments.sample import Sample
from exprun.experiments.trials import Change, Network, Trial, Trials, decoder, outputs_of

log = logging.getLogger(__name__)
STEPS = 2000  # steps of a trial, at most
SHARE = 1 / 12  # share of the whole time that a trial may take after its first step
REFERENCE_SHARE = 0.3  # share of the whole time for the references
SEEDS = (0, 1)  # seeds of the network as it is, which show the noise
NOISE = 0.03  # least noise of a score
SIGMAS = 3.0  # noises by which a change must be better
GAIN = 0.15  # least gain of a change that makes a network learn, in units of a perfect score
LEARNED = 0.5  # share of the best reference, or of a perfect score, from which a network has learned
NEARLY = 0.9  # share of the best score from which changes do nearly as well
RESERVED = 1.5  # time for the confirmation, in units of the longest trial of the network as it is
FAR = -10.0  # score below which its size says nothing
PAIRED = 3  # the best single changes that are tried in pairs


@dataclass(frozen=True)
class Proof:
    """What references and trials have shown.

    Args:
        references: what simple methods reach.
        plain: the trials of the network as it is.
        tried: the trials with changes, the best first.
        decisive: the trial whose change makes the network learn, where several do, that of the first finding; None if
            there is none.
        confirmed: the same trial with another seed; None if the time was over.
        without_findings: the trial that would be decisive if nothing had been found.
        least: the score from which a change has helped.
    """

    references: tuple[Reference, ...]
    plain: tuple[Trial, ...] = ()
    tried: tuple[Trial, ...] = ()
    decisive: Trial | None = None
    confirmed: Trial | None = None
    without_findings: Trial | None = None
    least: float = np.inf

    @property
    def best_reference(self) -> Reference | None:
        """The reference with the highest score."""
        return max(self.references, key=lambda reference: reference.score, default=None)


def prove(
    network: Network,
    sample: Sample,
    steps: int,
    seconds: float,
    needs_trials: Callable[[Sequence[Reference]], bool] = lambda found: True,
    proposed: Sequence[str] = (),
    own: float = 0.0,
    tell: Callable[[str], None] = lambda text: None,
) -> Proof:
    """Look for the change that makes a network learn.

    Args:
        network: the network, with its first weights.
        sample: the rows that it was trained on.
        steps: the steps of the script, which a trial does not exceed by much.
        seconds: the time for everything.
        needs_trials: says, with the references, whether changes are tried at all.
        proposed: the causes that were found; the changes that belong to them are tried first.
        own: the score of the network that the script has trained, on rows that it does not know.
        tell: called with a line about each result.
    """
    ends = time.monotonic() + seconds
    found = tuple(references(sample, REFERENCE_SHARE * seconds))
    for reference in found:
        tell(f"{reference.name}: {_percent(reference.score)} in {reference.seconds:.0f} s")
    if not needs_trials(found):
        return Proof(found)
    most = int(np.clip(steps, 1, STEPS))
    trials = Trials(network, sample, steps)

    def trial(changes: tuple[Change, ...], seed: int) -> Trial | None:
        nonlocal ends
        if time.monotonic() > ends:
            return None
        try:
            result = trials.run(changes, seed, most, SHARE * seconds)
        except KeyboardInterrupt:  # a person who does not want to wait gets what is known
            ends = 0.0
            return None
        except Exception:  # a change may not fit a network, which proves nothing
            log.info("A trial failed", exc_info=True)
            return None
        if result is not None:
            names = " and ".join(change.name for change in changes) or "as it is"
            tell(f"{names}: {_percent(result.score)} after {result.steps} steps")
        return result

    plain = tuple(done for seed in SEEDS if (done := trial((), seed)) is not None)
    if not plain:
        return Proof(found)
    most = min(done.steps for done in plain)  # others must not have more time for steps
    base = [max(done.score, 0.0) for done in plain]
    best = max([reference.score for reference in found], default=1.0)
    if min(base) >= max(LEARNED * min(best, 1.0), own + GAIN):  # the network is not to blame
        return Proof(found, plain)
    least = max(*base, own) + max(GAIN, SIGMAS * max(NOISE, sample.noise, float(np.std(base))))
    least = max(least, LEARNED * min(best, 1.0))
    least = min(least, max(NEARLY * min(best, 1.0), max(*base, own) + GAIN))  # no luck if it is nearly the best score
    changes = sorted(standard(), key=lambda change: _rank(change, proposed))
    left = RESERVED * max(done.seconds for done in plain)  # time for the confirmation
    ends -= left
    tried = [done for change in changes if (done := trial((change,), SEEDS[0])) is not None]
    tried.sort(key=lambda done: -done.score)
    if not tried or tried[0].score < least:
        for pair in itertools.combinations([done.changes[0] for done in tried[:PAIRED]], 2):
            if (done := trial(pair, SEEDS[0])) is not None:
                tried.append(done)
        tried.sort(key=lambda done: -done.score)
    decisive = _decisive(tried, least, proposed)
    ends += left
    confirmed = trial(decisive.changes, SEEDS[1]) if decisive is not None else None
    if confirmed is not None and confirmed.score < least:
        decisive = None
    return Proof(found, plain, tuple(tried), decisive, confirmed, _decisive(tried, least, ()), least)


def _decisive(tried: Sequence[Trial], least: float, proposed: Sequence[str]) -> Trial | None:
    """The trial whose change makes the network learn; None if there is none.

    The change of a finding is likelier than one that only compensates for its cause, however well that does; and, where
    nothing was found, so is a change that removes its cause.

    Args:
        tried: the trials with changes, the best first.
        least: the score from which a network has learned.
        proposed: the causes that were found.
    """
    order = {change.name: number for number, change in enumerate(standard())}
    learned = [
        done
        for done in tried
        if done.score >= max(least, NEARLY * tried[0].score)
        or (done.score >= least and not set(proposed).isdisjoint(done.causes))
    ]
    return min(
        learned,
        key=lambda done: (
            len(done.changes),
            _rank(done.changes[0], proposed),
            done.changes[0].compensates,
            order[done.changes[0].name],
        ),
        default=None,
    )


def own_score(network: Network, sample: Sample) -> float | None:
    """How good a network is with its present weights; None if its outputs cannot be scored."""
    try:
        with undrawn():
            outputs = outputs_of(network.model, sample.test_x, training=False)
        return sample.score(decoder(network.model, sample)(outputs))
    except Exception:  # such as several outputs
        log.info("The network cannot be scored", exc_info=True)
        return None


def _rank(change: Change, proposed: Sequence[str]) -> int:
    """The place of the first finding that a change may help against; changes for no finding come last."""
    helps = {*change.causes, *change.consequences}
    return min([number for number, cause in enumerate(proposed) if cause in helps], default=len(proposed))


def _percent(score: float) -> str:
    if not np.isfinite(score):
        return "not finite"
    return "far worse than guessing" if score < FAR else f"{score:.0%} of the way from guessing to perfect"
