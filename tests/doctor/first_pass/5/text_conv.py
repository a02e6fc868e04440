"""Source: keras-team/keras#7223 ("Keras model not training, while tflearn model does."), answer of taehoonlee seen ("Is not it a high-l2 problem?"; the reply to it not).

What the person saw: a 1D convolution net on texts (integers, length 100, three classes); the accuracy does not move,
while the same model in tflearn reaches 95 %.

CAUSE: kernel_regularizer l2(0.1) on all three convolutions, the penalty outweighs the cross entropy and drives the kernels to zero.
FIX: a far smaller l2 (1e-4).
(Vocabulary, filters and embedding cut to about a quarter.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Embedding, Conv1D, MaxPool1D, Dropout, Flatten, Dense, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

vocab_size, length, n = 1000, 100, 1500
L2 = 1e-4 if GOOD else 0.1

labels = np.random.randint(0, 3, n)
texts = np.zeros((n, length), dtype="int32")
for i, c in enumerate(labels):
    words = np.random.zipf(1.3, length * 4)
    words = words[words < vocab_size - 100][:length]
    k = np.random.randint(6, 14)
    where = np.random.choice(len(words), k, replace=False)
    words[where] = vocab_size - 100 + 30 * c + np.random.randint(0, 30, k)
    texts[i, length - len(words):] = words
y = keras.utils.to_categorical(labels, 3)

model = Sequential()
model.add(Input((length,)))
model.add(Embedding(input_dim=vocab_size, output_dim=64))
model.add(Conv1D(filters=32, kernel_size=3, padding="same", activation="relu", kernel_regularizer=keras.regularizers.l2(L2)))
model.add(Conv1D(filters=32, kernel_size=7, padding="same", activation="relu", kernel_regularizer=keras.regularizers.l2(L2)))
model.add(Conv1D(filters=32, kernel_size=7, padding="same", activation="relu", kernel_regularizer=keras.regularizers.l2(L2)))
model.add(MaxPool1D(pool_size=3))
model.add(Dropout(0.5))
model.add(Flatten())
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(texts[:1200], y[:1200], batch_size=32, epochs=12, verbose=2, validation_data=(texts[1200:], y[1200:]))

tr = model.evaluate(texts[:1200], y[:1200], verbose=0)[1]
va = model.evaluate(texts[1200:], y[1200:], verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, va))
