"""The overrides to try against a cause."""

from typing import Any

from exprun.config.schema import Config
from exprun.doctor.cause import Finding
from exprun.doctor.instruments.rates import first_rate

# In the order in which they are proposed. The config gives the values of {slower}, {slowest}, {faster}, {fastest} and
# {larger}: learning rates and a batch size.
REMEDIES: dict[str, tuple[str, ...]] = {
    "bypassed-layers": ("norm=batch", "init=he_normal"),
    "unscaled-evaluation": ("input=raw norm=batch", "norm=layer"),
    "unscaled-input": ("input=standardize",),
    "strong-augmentation": ("augment=none",),
    "symmetric-init": ("init=he_normal",),
    "large-first-loss": ("input=standardize", "init=he_normal", "init=he_normal input=standardize"),
    "exploding-signal": ("init=he_normal", "init=he_normal input=standardize", "norm=batch"),
    "vanishing-signal": ("norm=batch", "init=he_normal", "init=he_normal {slower}"),
    "vanishing-gradient": ("norm=batch", "init=he_normal", "model.activation=relu"),
    "missing-nonlinearity": ("model.activation=relu",),
    "frozen-layers": ("model.freeze=[]",),
    "small-batch-norm": ("norm=group", "trainer.batch_size=32"),
    "lagging-batch-norm": ("norm.momentum=0.9", "norm=group"),
    "learning-rate-high": ("{slower}", "{slowest}"),
    "learning-rate-low": ("{faster}", "{fastest}"),
    "learning-rate-decay": ("schedule=cosine", "schedule=constant"),
    "class-imbalance": ("data.class_weights=balanced",),
    "dead-relu": ("init=he_normal input=standardize", "{slower}", "norm=batch", "model.activation=leaky_relu"),
    "input-independent": ("norm=batch", "init=he_normal input=standardize", "{slower}"),
    "collapsed-predictions": ("{slower}", "norm=batch"),
    "loss-at-chance": ("norm=batch", "init=he_normal", "{slower}", "{faster}", "input=standardize"),
    "cannot-overfit": ("norm=batch", "init=he_normal", "input=standardize"),
    "oscillating-loss": ("{slower}", "trainer.batch_size={larger}"),
    "slow-learning": ("{faster}", "norm=batch", "input=standardize"),
    "plateau": ("schedule=cosine",),
    "slow-input": ("trainer.resident=true",),
    "strong-regularization": ("optim.weight_decay=1e-4", "optim.weight_decay=0"),
    "not-finite": ("{slower}", "optim.clip_global_norm=1.0", "trainer.precision=float32"),
}

# Causes that initial weights may have before training, when the learning rate has had no effect yet.
AT_START = ("vanishing-signal", "dead-relu", "input-independent")


def overrides_for(finding: Finding, config: Config) -> tuple[str, ...]:
    """The overrides to try against a cause, each on its own, without those that the config already has."""
    rates = config.schedule.rates  # used in place of optim.learning_rate
    rate = max(rates) if rates else config.optim.learning_rate
    usual = (config.doctor.rates or {}).get(config.optim.name)
    factors = {"slower": 0.1, "slowest": 0.01, "faster": 10.0, "fastest": 100.0}
    values = {name: rate * factor for name, factor in factors.items()}
    if usual and not usual[0] <= rate <= usual[1]:
        first = first_rate(config.optim.name, usual)
        values = {name: first if (factor > 1) == (first > rate) else rate * factor for name, factor in factors.items()}
    elif usual:
        values = {name: min(max(value, usual[0]), usual[1]) for name, value in values.items()}
    constant = "schedule=constant " if rates else ""
    fields: dict[str, Any] = {name: f"{constant}optim.learning_rate={value:g}" for name, value in values.items()}
    fields["larger"] = 4 * config.trainer.batch_size
    current = {
        f"{group}={getattr(config, group).name}" for group in ("norm", "init", "input", "augment", "schedule", "model")
    }
    current |= {
        f"optim.learning_rate={config.optim.learning_rate:g}",
        f"trainer.resident={str(config.trainer.resident).lower()}",
    }
    current |= {f"model.activation={config.model.activation}", f"model.freeze={config.model.freeze}"}
    current |= {f"optim.clip_global_norm={config.optim.clip_global_norm}", f"norm.momentum={config.norm.momentum}"}
    current |= {f"trainer.precision={config.trainer.precision}", f"data.class_weights={config.data.class_weights}"}
    current |= {f"trainer.batch_size={config.trainer.batch_size}"}
    builder = ("norm", "init", "model.activation") if config.model.builder is not None else ()  # builders choose these
    lagging = config.norm.name == "batch" and (config.norm.momentum or 0.0) > 0.9
    decays = config.optim.weight_decay > 1e-4
    low = usual is not None and rate < usual[0]
    proposed = []
    for remedy in REMEDIES.get(finding.cause, ()) if finding.remedies is None else finding.remedies:
        lowers = "{slower}" in remedy and finding.cause in AT_START
        if lowers and (low or (remedy == "{slower}" and finding.step is None)):
            continue
        parts = [part for part in remedy.format(**fields).split() if part not in current]
        if ("norm.momentum" in remedy and not lagging) or ("weight_decay" in remedy and not decays):
            continue
        if parts and not any(part.startswith(builder) for part in parts):
            proposed.append(" ".join(parts))
    return tuple(dict.fromkeys(proposed))
