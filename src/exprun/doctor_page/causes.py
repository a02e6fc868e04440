"""The pictures that prove each cause."""

# The kinds of pictures, as in `figures.py`: the first one that is known is shown with the finding. A cause that is not
# listed is proved by its numbers alone. `tests/doctor_page/test_causes.py` asks for a decision about each cause.
SCALES = ("histograms", "images")
LABELS = ("images", "classes")
COUNTS = ("classes", "images")
COURSE = ("curves",)
NORMS = ("statistics", *COURSE)
OUTPUTS = ("outputs", *COURSE)
RATES = ("update", "steps")
MOVES = ("moved", "steps", "update")
PICTURES: dict[str, tuple[str, ...]] = {
    # Images and their scales.
    "non-finite-input": SCALES,
    "constant-input": ("images", "histograms"),
    "unscaled-input": SCALES,
    "unscaled-evaluation": SCALES,
    "wrong-preprocessing": SCALES,
    "changing-input": SCALES,
    "scrambled-images": ("images",),
    "strong-augmentation": ("images",),
    "cached-augmentation": (*COURSE, "images"),
    "repeated-batches": ("batches", "images"),
    "bypassed-layers": ("paths", *SCALES),
    "single-time-step": ("images",),
    "long-sequence": ("images",),
    "unmasked-padding": ("images",),
    "leaked-validation": ("pairs",),
    "leaked-test": ("pairs",),
    # Labels.
    "shuffled-labels": LABELS,
    "label-encoding": LABELS,
    "label-out-of-range": COUNTS,
    "single-class": COUNTS,
    "class-imbalance": COUNTS,
    "unshuffled-data": ("classes", "batches", "images"),
    "example-weights": COUNTS,
    "split-groups": LABELS,
    "collapsed-predictions": ("predicted", "classes"),
    "input-independent": ("signal", "predicted"),
    # The signal on its way through the network, and back.
    "vanishing-signal": ("signal",),
    "exploding-signal": ("signal",),
    "collapsed-features": ("signal",),
    "symmetric-init": ("signal",),
    "erasing-layer": ("signal",),
    "missing-nonlinearity": ("signal",),
    "large-first-loss": ("signal",),
    "excessive-dropout": ("signal",),
    "random-output": OUTPUTS,
    "dead-relu": ("dead", "signal"),
    "vanishing-gradient": ("gradient",),
    "zero-gradient": ("gradient",),
    "exploding-gradient": ("gradient",),
    "strong-regularization": ("update",),
    # Steps.
    "learning-rate-high": RATES,
    "learning-rate-low": RATES,
    "small-epsilon": RATES,
    "summed-loss": RATES,
    "frozen-layers": MOVES,
    "not-recompiled": MOVES,
    "untrained-variables": MOVES,
    "learning-rate-decay": (*COURSE, *MOVES),
    # What the training was like.
    "lagging-batch-norm": NORMS,
    "small-batch-norm": NORMS,
    "frozen-statistics": ("statistics", "signal", *COURSE),
    "no-training-mode": NORMS,
    "misleading-metric": OUTPUTS,
    "cannot-overfit": ("memory", "signal"),
    "not-finite": (*COURSE, *MOVES),
    "loss-at-chance": COURSE,
    "oscillating-loss": COURSE,
    "low-capacity": COURSE,
    "too-few-steps": COURSE,
    "slow-learning": COURSE,
    "no-generalization": COURSE,
    "overfitting": COURSE,
    "plateau": COURSE,
    "stopped-early": COURSE,
}
NUMBERS_ALONE = frozenset(
    (
        *("wrong-loss", "output-units", "output-activation", "missing-softmax", "softmax-twice", "broadcast-loss"),
        *("unscaled-target", "shuffled-predictions", "shuffled-states", "reloaded-model", "uncalled-hook"),
        *("unused-data", "slow-input", "dropout-before-norm", "shrinking-filters", "mixed-examples"),
    )
)
