"""Padding at the end of sequences that a recurrent layer reads without a mask."""

import keras
import numpy as np
import pytest
from keras import layers

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import unmasked_padding
from exprun.doctor.subject import Images

STEPS = 40
WORDS = 20


def numbers(padding=24, count=16, steps=STEPS, at_start=False):
    """Sequences of word numbers, float32, of which each has this many steps of padding."""
    x = np.random.default_rng(0).integers(1, WORDS, (count, steps)).astype(np.float32)
    x[:, slice(0, padding) if at_start else slice(steps - padding, steps)] = 0
    return x


def rows(**more):
    """Sequences of rows of three values."""
    return numbers(**more)[..., None] * np.array([1.0, 0.5, -1.0], np.float32)


def embedding(**more):
    return layers.Embedding(WORDS, 4, **more)


def network(*hidden, inputs=(STEPS,)):
    return keras.Sequential([layers.Input(inputs), *hidden, layers.Dense(1)])


def findings(model, x, several=None, **limits):
    context = context_of(Images(x), phase=Phase.SETUP, model=model, limits=limits)
    context.several = several
    return found(unmasked_padding, context)


def test_padding_that_an_lstm_reads_to_the_end():
    [finding] = findings(network(embedding(), layers.LSTM(4, name="reader")), numbers())
    assert (finding.severity, finding.where) == ("warning", "layer reader")
    assert finding.numbers == {"padded": 1.0, "share": 0.6}
    assert finding.evidence.startswith("100% of 16 sequences end in zeros, on average 24 of 40 steps.")
    assert finding.keras == ""


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ([layers.GRU], 1),
        ([layers.SimpleRNN], 1),
        ([lambda n: layers.Dropout(0.1), lambda n: layers.LSTM(n, return_sequences=True), layers.LSTM], 1),
        ([lambda n: layers.LSTM(n, return_sequences=True), lambda n: layers.GlobalMaxPooling1D()], 0),
        ([lambda n: layers.LSTM(n, go_backwards=True)], 0),
        ([lambda n: layers.Bidirectional(layers.LSTM(n))], 0),
        ([lambda n: layers.GlobalAveragePooling1D()], 0),
        ([lambda n: layers.Lambda(lambda x: x[:, ::-1]), layers.LSTM], 0),
    ],
)
def test_only_a_last_state_at_the_end_forgets(hidden, said):
    assert len(findings(network(embedding(), *(make(4) for make in hidden)), numbers())) == said


@pytest.mark.parametrize("hidden", [[], [lambda: layers.Dropout(0.1)], [lambda: layers.Dense(4)]])
@pytest.mark.parametrize("embeds", [True, False])
def test_a_mask_leaves_the_padding_out(hidden, embeds):
    first, inputs = (embedding(mask_zero=True), (STEPS,)) if embeds else (layers.Masking(), (STEPS, 3))
    model = network(first, *(make() for make in hidden), layers.LSTM(4), inputs=inputs)
    assert findings(model, numbers() if embeds else rows()) == []


def test_a_mask_that_is_given_as_an_argument():
    first = keras.Input((STEPS,))
    mask = layers.Lambda(lambda x: keras.ops.not_equal(x, 0))(first)
    last = layers.LSTM(4)(embedding()(first), mask=mask)
    assert findings(keras.Model(first, layers.Dense(1)(last)), numbers()) == []


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
def test_a_mask_that_is_lost_on_the_way_is_none():
    pooled = network(embedding(mask_zero=True), layers.MaxPooling1D(2), layers.LSTM(4))
    assert [f.keras for f in findings(pooled, numbers())] == [unmasked_padding.FOR_LOST_MASKS]


def test_rows_of_zeros():
    model = network(layers.LSTM(4), inputs=(STEPS, 3))
    [finding] = findings(model, rows())
    assert "end in rows of zeros" in finding.evidence
    assert finding.keras == unmasked_padding.FOR_ROWS
    assert findings(model, rows(padding=0)) == []


def test_padding_that_is_short_rare_or_at_the_start():
    model = network(embedding(), layers.LSTM(4))
    assert findings(model, numbers(at_start=True)) == []
    rare = numbers(padding=36)
    rare[:8] = 1
    assert findings(model, rare) == []
    assert findings(network(embedding(), layers.LSTM(4), inputs=(12,)), numbers(padding=9, steps=12)) == []
    long = network(embedding(), layers.LSTM(4), inputs=(60,))
    assert findings(long, numbers(padding=18, steps=60)) == []
    assert len(findings(long, numbers(padding=18, steps=60), padding=0.2)) == 1


def test_sequences_that_show_nothing():
    model = network(embedding(), layers.LSTM(4))
    for x in (numbers(count=7), numbers(padding=STEPS), np.zeros((0, 1), np.float32)):
        assert findings(model, x) == []
    assert findings(model, numbers(), several={"words": numbers()}) == []


def test_another_way_to_the_output_and_code_that_no_list_of_layers_shows():
    first = keras.Input((STEPS,))
    x = embedding()(first)
    both = layers.Concatenate()([layers.LSTM(4)(x), layers.GlobalMaxPooling1D()(x)])
    assert findings(keras.Model(first, layers.Dense(1)(both)), numbers()) == []
    turned = layers.LSTM(4)(keras.ops.flip(x, 1))
    assert findings(keras.Model(first, layers.Dense(1)(turned)), numbers()) == []


def test_padding_of_sequences_of_uneven_length():
    x = np.array([[3, 0, 2, 0], [1, 0, 0, 0], [0, 0, 0, 5], [0, 0, 0, 0]])
    assert unmasked_padding.padding_at_end(x).tolist() == [1, 3, 0]
    assert unmasked_padding.padding_at_end(x[3:]).tolist() == [0]
