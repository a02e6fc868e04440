"""What to try against a cause, as overrides of a config."""

from typing import Any

from exprun.config.schema import Config

# In the order in which they are proposed; {slower} and its like are made from the config.
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
    "not-finite": ("{slower}", "optim.clip_global_norm=1.0", "trainer.precision=float32"),
}


def overrides_for(cause: str, config: Config) -> tuple[str, ...]:
    """The overrides to try against a cause, each by itself; those that the config has already are left out."""
    rate = config.optim.learning_rate
    rates = {"slower": rate / 10, "slowest": rate / 100, "faster": rate * 10, "fastest": rate * 100}
    least, most = (config.doctor.rates or {}).get(config.optim.name, [0.0, float("inf")])
    words: dict[str, Any] = {
        name: f"optim.learning_rate={min(max(value, least), most):g}" for name, value in rates.items()
    }
    words["larger"] = 4 * config.trainer.batch_size
    chosen = {
        f"{group}={getattr(config, group).name}" for group in ("norm", "init", "input", "augment", "schedule", "model")
    }
    chosen |= {f"optim.learning_rate={rate:g}", f"trainer.resident={str(config.trainer.resident).lower()}"}
    chosen |= {f"model.activation={config.model.activation}", f"model.freeze={config.model.freeze}"}
    chosen |= {f"optim.clip_global_norm={config.optim.clip_global_norm}", f"norm.momentum={config.norm.momentum}"}
    chosen |= {f"trainer.precision={config.trainer.precision}", f"data.class_weights={config.data.class_weights}"}
    chosen |= {f"trainer.batch_size={config.trainer.batch_size}"}
    builder = config.model.builder is not None
    found = []
    for remedy in REMEDIES.get(cause, ()):
        parts = [part for part in remedy.format(**words).split() if part not in chosen]
        if "norm.momentum" in remedy and config.norm.name != "batch":
            continue
        if parts and not (builder and any(part.split("=")[0] in ("norm", "init") for part in parts)):
            found.append(" ".join(parts))
    return tuple(dict.fromkeys(found))
