"""
Source: https://github.com/keras-team/keras/issues/11736
("When wrapping an existing Layer in a custom Layer, weights are not updated.")
Seen: a Dense layer inside a layer of one's own does not get trained, its weights stay the same;
the same Dense layer in the model on its own works.
CAUSE: the Dense layer is created inside call(), so Keras does not know its weights and does not
train them.
FIX: create the Dense layer once, outside of call() (in the constructor), so that it belongs to the
layer of one's own.
"""
import sys
import numpy as np
import keras
from keras.layers import Input, Layer, Dense
from keras.models import Model
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)


class CustomLayer(Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        if GOOD:
            self.dense = Dense(units, activation=activation)

    def call(self, inputs):
        if GOOD:
            output = self.dense(inputs)
        else:
            output = Dense(self.units, activation=self.activation)(inputs)
        return output

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)


X, y = load_digits(return_X_y=True)
X = (X / 16.0).astype("float32")
y = keras.utils.to_categorical(y, 10)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)

x_in = Input(shape=(64,))
x_out = CustomLayer(10, activation="softmax")(x_in)
model = Model(inputs=x_in, outputs=x_out)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
model.summary()

model.fit(X_train, y_train, batch_size=64, epochs=18, validation_data=(X_test, y_test), verbose=2)

tr = model.evaluate(X_train, y_train, verbose=0)[1]
te = model.evaluate(X_test, y_test, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={te:.3f} (accuracy)")
