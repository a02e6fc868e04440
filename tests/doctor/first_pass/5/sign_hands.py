"""Source: https://community.deeplearning.ai/t/can-not-achieve-desired-accuracy/436298, answer seen.

What the person saw: Sign Language MNIST (28x28 hands, 26 letters) with two convolutions, Dense 256, Adam 0.001 and
sparse_categorical_crossentropy: "loss: nan - accuracy: 0.0410 - val_loss: nan - val_accuracy: 0.0462".

CAUSE: the last layer has 3 units (left over from rock-paper-scissors), the labels go up to 25.
FIX: 26 units in the last layer.
(jit_compile, on in both variants, makes a CPU answer an out-of-range label with nan as the person's GPU did.)
"""
import sys
import numpy as np
import tensorflow as tf

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(1)

protos = np.random.rand(26, 7, 7)


def images(n):
    lab = np.random.randint(0, 26, n)
    im = np.kron(protos[lab], np.ones((1, 4, 4)))
    im = im + np.random.randn(n, 28, 28) * 0.15
    return (np.clip(im, 0, 1) * 255).astype("uint8")[..., None], lab


x_train, y_train = images(1300)
x_val, y_val = images(390)

model = tf.keras.models.Sequential([
    tf.keras.layers.Input((28, 28, 1)),
    tf.keras.layers.Rescaling(1.0 / 255),
    tf.keras.layers.Conv2D(8, (3, 3), activation="relu"),
    tf.keras.layers.MaxPooling2D(2, 2),
    tf.keras.layers.Conv2D(16, (3, 3), activation="relu"),
    tf.keras.layers.MaxPooling2D(2, 2),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(64, activation="relu"),
    tf.keras.layers.Dense(26 if GOOD else 3, activation="softmax"),
])
model.compile(optimizer=tf.keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy",
              metrics=["accuracy"], jit_compile=True)
h = model.fit(x_train, y_train, batch_size=26, epochs=6, validation_data=(x_val, y_val), verbose=2)

print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
