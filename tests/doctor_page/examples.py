"""A network, its images and findings, without a network: what a page is drawn from."""

import numpy as np

import exprun.doctor.causes  # noqa: F401  # makes the causes known
from exprun.doctor.cause import Finding
from exprun.doctor.history import Epoch, Evaluation, History
from exprun.doctor.instruments.chance import chance_level
from exprun.doctor.subject import Images, Subject
from exprun.doctor_page.material import Material
from exprun.pages.depth import Depth

HOSTILE = "<img src=x onerror=alert(1)>"
LAYERS = (*(f"conv{number}" for number in range(1, 13)), HOSTILE)
COUNT = 40
CLASSES = 4


def finding(cause, severity="error", overrides=(), numbers=None):
    from exprun.doctor.causes import CHAIN  # fills the catalogue in which a page looks up its causes

    assert cause in {module.CAUSE.id for module in CHAIN}
    return Finding(cause, severity, HOSTILE, f"Evidence of {HOSTILE}.", None, numbers or {}, overrides=overrides)


def known():
    """What is known of a network whose signal vanishes, and whose validation images are not scaled."""
    rng = np.random.default_rng(0)
    train, val = (scale * rng.uniform(size=(COUNT, 12, 12, 3)).astype(np.float32) for scale in (1, 255))
    labels = np.arange(COUNT) % CLASSES
    counts = np.bincount(labels)
    names = (HOSTILE, "cat", "dog", "owl")
    subject = Subject(None, None, labels, Images(train, counts), Images(val, counts), classes=names)
    return Material(subject, labels, labels, np.eye(CLASSES)[rng.integers(0, CLASSES, COUNT)], depths(), history())


def depths():
    """A network whose signal fades and dies, and another one whose signal does not."""
    fading = tuple(0.5**place for place in range(len(LAYERS) + 1))
    return [
        Depth("this network", LAYERS, None, fading, fading[:-1], (0.0,) * 6 + (1.0,) * 7, (1e-3,) * len(LAYERS)),
        Depth("norm=batch", LAYERS, None, (1.0,) * len(fading), (1e-2,) * len(LAYERS), (0.1,) * 13, (2e-3,) * 13),
    ]


def history():
    found = History(chance_level(np.full(CLASSES, 10)))
    found.epochs = [Epoch(10 * n, 1.4, 0.25, 1e-3) for n in range(1, 6)]
    found.evaluations = [Evaluation(1.4 + n, 0.25, 1.4, 0.25) for n in range(1, 6)]
    for n in range(1, 6):
        found.probes.add(10 * n, {"updates": dict.fromkeys(LAYERS, 10.0 ** -(n + 2))})
    return found
