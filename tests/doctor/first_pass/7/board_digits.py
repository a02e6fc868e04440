"""Source: martinwicke/tf-dev-summit-tensorboard-tutorial#3 ("Relu activations after fully connected layers"), the
reporter gives the change that helped himself.

What the person saw: wrote the MNIST tutorial of the video step by step; the accuracy does not get above 65 %.

CAUSE: relu on the last fully connected layer, whose output is used as logits.
FIX: remove that relu (the reporter then got over 99 %).
(Keras layers with the tutorial's initial values, truncated normal 0.1 and bias 0.1; digits of scikit-learn, enlarged.)
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

digits = load_digits()
images = np.kron(digits.images, np.ones((2, 2)))[..., None].astype("float32") / 16
x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=0)

start = dict(kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.1),
             bias_initializer=keras.initializers.Constant(0.1))


def conv_layer(x, filters):
    x = layers.Conv2D(filters, 5, padding="same", activation="relu", **start)(x)
    return layers.MaxPooling2D(2)(x)


def fc_layer(x, units, activation):
    return layers.Dense(units, activation=activation, **start)(x)


inp = keras.Input((16, 16, 1))
x = conv_layer(inp, 16)
x = conv_layer(x, 32)
x = layers.Flatten()(x)
x = fc_layer(x, 256, "relu")
logits = fc_layer(x, 10, None if GOOD else "relu")
model = keras.Model(inp, logits)
model.compile(keras.optimizers.Adam(1e-3),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=50, epochs=12, validation_data=(x_test, y_test), verbose=2)

a = model.evaluate(x_train, y_train, verbose=0)[1]
b = model.evaluate(x_test, y_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], a, b))
