"""unmasked-padding: padding at the end of sequences that a recurrent layer reads as if it were data."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.graph import is_masked, is_only_way, last_states
from exprun.doctor.instruments.layers import DROPOUTS, NORMS, RECURRENT, Layer, top_layers

CAUSE = Cause(
    id="unmasked-padding",
    why=(
        "A recurrent layer forgets a little at each step, so after many steps of padding its last state is nearly the "
        "same for all sequences."
    ),
    source="Keras guides, Understanding masking & padding",
    phases=(Phase.SETUP,),
    thresholds={
        "padding": Threshold(
            0.33,
            "Sequences count as padded if, on average, more than this fraction of their steps is zeros at the end.",
            source="with less, many sequences reach the last steps, and a network can learn from these",
            gt=0,
            lt=1,
        ),
    },
    explains=(
        "cannot-overfit",
        "vanishing-gradient",
        "input-independent",
        "collapsed-predictions",
        "loss-at-chance",
        "slow-learning",
        "plateau",
    ),
    keras="Embedding(..., mask_zero=True), or pad at the start: keras.utils.pad_sequences(x, padding='pre').",
)
FOR_ROWS = "layers.Masking() as the first layer, or pad at the start: keras.utils.pad_sequences(x, padding='pre')."
FOR_LOST_MASKS = "pad at the start: keras.utils.pad_sequences(x, padding='pre')."
MIN_PADDED = 0.5  # share of sequences that end in zeros, above which these zeros are padding and not values
# Mean steps of padding: on texts of 13 words, LSTM and GRU learned with 10 steps; with 20, the GRU stayed at chance
# level and the LSTM fell back to it, and with 30 neither learned.
MIN_STEPS = 15
MIN_SEQUENCES = 8  # sequences, from which such shares mean something
# Layers of Keras after which the padding is still at the end of the sequences.
KEEPING_ORDER = (
    *("Embedding", "Masking", *RECURRENT, *DROPOUTS, *NORMS, "Dense", "Activation", "ReLU", "LeakyReLU"),
    *("TimeDistributed", "Conv1D", "MaxPooling1D", "AveragePooling1D"),
)


def check(context: Context) -> Iterator[Finding]:
    """Find a recurrent layer that reads padding without a mask and returns only its last state."""
    x = context.subject.train.inputs
    if context.several is not None or len(x) < MIN_SEQUENCES or x.ndim not in (2, 3):
        return
    before, reader = _way_to_last_state(context)
    embeds = bool(before) and before[0].isa("Embedding")
    if reader is None or x.ndim != (2 if embeds else 3):
        return
    tails = padding_at_end(x)
    padded, share = float((tails > 0).mean()), float(tails.mean()) / x.shape[1]
    if padded <= MIN_PADDED or share <= context.threshold("padding") or tails.mean() < MIN_STEPS:
        return
    passes_masks = all(layer.layer.supports_masking for layer in before if not layer.isa("Embedding"))
    yield context.finding(
        "warning",
        f"layer {reader.name}",
        f"{padded:.0%} of {len(x):,} sequences end in {'zeros' if embeds else 'rows of zeros'}, on average "
        f"{tails.mean():.0f} of {x.shape[1]} steps. The layer gets no mask that leaves them out, and it returns only "
        "its last state.",
        {"padded": padded, "share": share},
        FOR_LOST_MASKS if not passes_masks else "" if embeds else FOR_ROWS,
    )


def _way_to_last_state(context: Context) -> tuple[list[Layer], Layer | None]:
    """The layers before a recurrent layer that reads to the end without a mask, and this layer; None if there is none.

    A bidirectional layer is none, because its second half reads the padding first.
    """
    if context.has_own_code:  # which may turn the sequences round, or leave the padding out
        return [], None
    layers = [layer for layer in top_layers(context.model) if not layer.isa("InputLayer")]
    for reader, _ in last_states(layers):
        before = layers[: layers.index(reader)]
        if (
            reader.isa("RNN")
            and not reader.layer.go_backwards
            and not is_masked(reader)
            and all(layer.isa(*KEEPING_ORDER) for layer in before)
            and is_only_way(context.model, reader)
        ):
            return before, reader
    return [], None


def padding_at_end(x: np.ndarray) -> np.ndarray:
    """The number of steps of zeros at the end of each sequence, (sequences,), of inputs (sequences, steps, …).

    Sequences of nothing but zeros are left out; if all are, there is one number, 0.
    """
    filled = (x != 0).reshape(*x.shape[:2], -1).any(-1)
    filled = filled[filled.any(1)]
    return filled[:, ::-1].argmax(1) if len(filled) else np.zeros(1, int)
