"""The overrides to try against a cause."""

from typing import Any

from exprun.config.schema import Config
from exprun.doctor.cause import Finding, cause_of
from exprun.doctor.instruments.rates import first_rate

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
    current |= {f"trainer.batch_size={config.trainer.batch_size}", f"trainer.accumulate={config.trainer.accumulate}"}
    # A network that is not a layer list chooses these itself.
    builder = ("norm", "init", "model.activation") if config.model.layers is None else ()
    momentum = config.norm.momentum if config.norm.name == "batch" else 0.0
    if config.model.application is not None:
        momentum = config.model.norm_momentum
    lagging = momentum is None or momentum > 0.9  # Keras' own momentum is above
    decays = config.optim.weight_decay > 1e-4
    low = usual is not None and rate < usual[0]
    proposed = []
    for remedy in cause_of(finding.cause).overrides if finding.remedies is None else finding.remedies:
        if config.model.application is not None:
            remedy = remedy.replace("norm.momentum", "model.norm_momentum")
        lowers = "{slower}" in remedy and finding.cause in AT_START
        if lowers and (low or (remedy == "{slower}" and finding.step is None)):
            continue
        parts = [part for part in remedy.format(**fields).split() if part not in current]
        if ("momentum=" in remedy and not lagging) or ("weight_decay" in remedy and not decays):
            continue
        if parts and not any(part.startswith(builder) for part in parts):
            proposed.append(" ".join(parts))
    return tuple(dict.fromkeys(proposed))
