"""Where from: https://newbe.dev/tflearn-tensorflow-does-not-learn-xor (question also at
exchangetuts.com/tflearn-tensorflow-does-not-learn-xor-1640273943680460; copies of a Stack
Overflow question, question and second answer seen).  tflearn there, Keras here, with
tflearn's way to draw the first weights written out.  Net and rate are those of the answer.

Seen: the net often does not learn XOR; the loss stays the same after each epoch and all four
answers are 0.5.

CAUSE: the first weights are drawn with a standard deviation of only 0.02 (tflearn's default),
a range from which this net hardly ever gets away from the constant answer.
FIX: draw the first weights uniformly from -1 to 1.
"""
import sys
import numpy as np
import keras
from keras import layers, initializers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(6)

X = np.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]], dtype="float32")
Y = np.array([[0.], [1.], [1.], [0.]], dtype="float32")


def start(seed):
    if GOOD:
        return initializers.RandomUniform(minval=-1.0, maxval=1.0, seed=seed)
    return initializers.TruncatedNormal(stddev=0.02, seed=seed)


net = keras.Sequential([
    keras.Input((2,)),
    layers.Dense(2, activation="sigmoid", kernel_initializer=start(1)),
    layers.Dense(1, activation="sigmoid", kernel_initializer=start(2)),
])
net.compile(optimizer=keras.optimizers.SGD(learning_rate=2.0), loss="mean_squared_error")

for epoch in range(5000):
    loss = net.train_on_batch(X, Y)
    if epoch % 500 == 499:
        print("epoch %d: loss %.5f" % (epoch + 1, float(np.ravel(loss)[0])))

out = net.predict(X, verbose=0)
for x, o in zip(X, out):
    print(x, "->", round(float(o[0]), 4))

mse = float(np.mean((out - Y) ** 2))
# one set of four rows is all there is
print("RESULT %s train=%.4f val=%.4f" % ("good" if GOOD else "bad", mse, mse))
