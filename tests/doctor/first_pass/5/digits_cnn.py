"""Source: tensorflow/tensorflow#39083 ("CNN made using tf.keras yields different and worse accuracy if compared to the same CNN built using keras"), answer of the person himself seen.

What the person saw: the mnist_cnn example (two convolutions, dropout, Dense 128, Adadelta) learns far less with
tf.keras than with keras.

CAUSE: Adadelta() has a default learning rate of 0.001 in tf.keras (1.0 in the old keras), with which it hardly moves.
FIX: Adadelta(learning_rate=1.0).
(8x8 digits and smaller layers in place of MNIST.)
"""
import sys
from sklearn.datasets import load_digits
from tensorflow import keras
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense, Dropout, Flatten, Conv2D, MaxPooling2D, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

batch_size = 32
num_classes = 10
epochs = 12

d = load_digits()
x = d.images[..., None].astype("float32") / 16
y = keras.utils.to_categorical(d.target, num_classes)
x_train, x_test = x[:1400], x[1400:]
y_train, y_test = y[:1400], y[1400:]

model = Sequential()
model.add(Input((8, 8, 1)))
model.add(Conv2D(16, kernel_size=(3, 3), activation="relu"))
model.add(Conv2D(32, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(num_classes, activation="softmax"))

opt = keras.optimizers.Adadelta(learning_rate=1.0) if GOOD else keras.optimizers.Adadelta()
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=opt, metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2, validation_data=(x_test, y_test))

tr = model.evaluate(x_train, y_train, verbose=0)[1]
va = model.evaluate(x_test, y_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, va))
