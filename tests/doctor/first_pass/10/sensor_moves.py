"""
SOURCE: https://github.com/AlexanderVNikitin/tsgm/issues/59 ("Loss explosion issue in
ConvnLSTMnArchitecture"), whole thread seen, fixed by the owner in #73. The series are made up here.
SEEN: following the tutorial with the classifier of convolution and LSTM blocks, the loss sometimes
explodes suddenly to very high numbers.
CAUSE: the LSTM layers have activation="relu", which does not saturate, so the state of the recurrence
can grow from step to step without limit.
FIX: leave the activation of the LSTM at its default (tanh).
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
rng = np.random.default_rng(5)

N, T, F, K = 480, 160, 3, 4
y = rng.integers(0, K, N)
t = np.arange(T)
X = np.zeros((N, T, F), "float32")
for i in range(N):
    period = [9, 14, 22, 35][y[i]] * rng.uniform(0.93, 1.07)
    for f in range(F):
        X[i, :, f] = 2.0 * np.sin(2 * np.pi * t / period + rng.uniform(0, 6.28)) + rng.normal(0, 0.7, T)
X_train, X_test, y_train, y_test = X[:360], X[360:], y[:360], y[360:]


def conv_lstm_classifier(n_blocks=2):
    m_input = keras.Input((T, F))
    x = m_input
    for _ in range(n_blocks):
        x = layers.Conv1D(32, 5, activation="relu", padding="same")(x)
        x = layers.Dropout(0.2)(x)
        if GOOD:
            x = layers.LSTM(32, return_sequences=True)(x)
        else:
            x = layers.LSTM(32, activation="relu", return_sequences=True)(x)
        x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    m_output = layers.Dense(K, activation="softmax")(x)
    return keras.Model(m_input, m_output)


model = conv_lstm_classifier()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(X_train, y_train, epochs=8, batch_size=32, validation_data=(X_test, y_test), verbose=2)
a = np.mean(model.predict(X_train, verbose=0).argmax(1) == y_train)
b = np.mean(model.predict(X_test, verbose=0).argmax(1) == y_test)
print(f"RESULT {sys.argv[1]} train={a:.3f} val={b:.3f}")
