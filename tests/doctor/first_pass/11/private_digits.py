"""
SOURCE: udacity/private-ai#17 (pull request "fix accuracy for TFE plaintext training with
    TensorFlow 1.14"; the report behind it is OpenMined/PySyft#2346).
SAW: The MNIST network of the "secure classification" notebook comes to a very low accuracy after
    the update of TensorFlow, nothing in the notebook was changed.
CAUSE: The default learning rate of Adadelta is 0.001 (it was 1.0 before), with which it hardly
    moves the weights.
FIX: The Adam optimizer in place of Adadelta.
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense, Flatten, Conv2D, AveragePooling2D, Activation
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)

batch_size = 64
num_classes = 10
epochs = 25
img_rows, img_cols = 28, 28


def bigger(images):
    big = np.kron(images, np.ones((1, 3, 3)))
    return np.pad(big, ((0, 0), (2, 2), (2, 2)))


digits = load_digits()
order = np.random.permutation(len(digits.target))
x = bigger(digits.images[order]).reshape(-1, img_rows, img_cols, 1).astype("float32")
y = keras.utils.to_categorical(digits.target[order], num_classes)
x /= 16.
x_train, y_train = x[:1400], y[:1400]
x_test, y_test = x[1400:], y[1400:]
input_shape = (img_rows, img_cols, 1)

model = Sequential()
model.add(Input(input_shape))
model.add(Conv2D(10, (3, 3)))
model.add(AveragePooling2D((2, 2)))
model.add(Activation("relu"))
model.add(Conv2D(32, (3, 3)))
model.add(AveragePooling2D((2, 2)))
model.add(Activation("relu"))
model.add(Conv2D(64, (3, 3)))
model.add(AveragePooling2D((2, 2)))
model.add(Activation("relu"))
model.add(Flatten())
model.add(Dense(num_classes, name="logit"))

logits_output = model.get_layer("logit").output
probabilities = Activation("softmax")(logits_output)
model = keras.Model(model.inputs, probabilities)

if GOOD:
    optimizer = keras.optimizers.Adam()
else:
    optimizer = keras.optimizers.Adadelta()
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=optimizer, metrics=["accuracy"])

model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2,
          validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
tr = model.evaluate(x_train, y_train, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={score[1]:.3f} (accuracy, 10 classes)")
