"""
Source: https://github.com/tensorflow/docs/pull/542
("Fix customized training in RNN text generation tutorial")
Seen: the network in the section "customized training" of the text generation tutorial
(own loop with GradientTape) does not train properly.
CAUSE: the network gives logits, but the loss function that is called in the loop expects
probabilities.
FIX: the loss is told that it gets logits (from_logits=True).
(The pull request also resets the state of the GRU in every epoch; that is done in both variants here.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(8)

# a little text of our own
who = ["the king", "a sailor", "my brother", "the old queen", "no man", "her servant"]
does = ["sees", "follows", "forgives", "fears", "calls", "betrays"]
whom = ["the moon", "his master", "a shadow", "the crown", "my lady", "the sea"]
end = [".", "!", ";", " at night.", " again.", ", they say."]
lines = []
for _ in range(1700):
    lines.append(" ".join([rng.choice(who), rng.choice(does), rng.choice(whom)]) + rng.choice(end))
text = "\n".join(lines)

vocab = sorted(set(text))
char2idx = {u: i for i, u in enumerate(vocab)}
text_as_int = np.array([char2idx[c] for c in text])
print(len(text), "characters,", len(vocab), "different")

SEQ, BATCH, EMB, UNITS, EPOCHS = 40, 32, 32, 96, 6

cut = int(len(text_as_int) * 0.9)


def dataset(ids):
    ds = tf.data.Dataset.from_tensor_slices(ids).batch(SEQ + 1, drop_remainder=True)
    ds = ds.map(lambda chunk: (chunk[:-1], chunk[1:]))
    return ds.shuffle(2000, seed=3).batch(BATCH, drop_remainder=True)


train_ds, valid_ds = dataset(text_as_int[:cut]), dataset(text_as_int[cut:])

model = keras.Sequential([
    keras.Input(batch_shape=(BATCH, SEQ), dtype="int32"),
    layers.Embedding(len(vocab), EMB),
    layers.GRU(UNITS, return_sequences=True, stateful=True),
    layers.Dense(len(vocab)),
])
optimizer = keras.optimizers.Adam()


@tf.function
def train_step(inp, target):
    with tf.GradientTape() as tape:
        predictions = model(inp, training=True)
        if GOOD:
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(target, predictions, from_logits=True))
        else:
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(target, predictions))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(EPOCHS):
    model.layers[1].reset_states() if hasattr(model.layers[1], "reset_states") else model.layers[1].reset_state()
    for step, (inp, target) in enumerate(train_ds):
        loss = train_step(inp, target)
    print("Epoch {} Loss {:.4f}".format(epoch + 1, float(loss)))


def accuracy(ds):
    hits = []
    for inp, target in ds:
        hits.append(np.argmax(model(inp, training=False), -1) == target.numpy())
    return np.mean(hits)


print(f"RESULT {sys.argv[1]} train={accuracy(train_ds):.3f} val={accuracy(valid_ds):.3f} (accuracy of the next letter)")
