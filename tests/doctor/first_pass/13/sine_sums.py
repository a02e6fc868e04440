"""
SOURCE: https://discuss.pytorch.org/t/400-higher-error-with-pytorch-compared-with-identical-keras-model-with-adam-optimizer/160720
    ("400% higher error with PyTorch compared with identical Keras model (with Adam optimizer)"), the beginning of the
    question seen; the answer seen as retold at https://openillumi.com/?p=103459.
SEEN: A network with one hidden layer for y = sin(x1) + ... + sin(x10), written with an own training loop, has a mean
    squared error several times as high as "the identical" model trained with Keras' fit.
CAUSE: In the loop the prediction has the shape (32, 1) and the target (32,); the difference is broadcast to (32, 32),
    every prediction is compared with every target of the batch, and the best answer to that loss is the mean of y.
FIX: Flatten the prediction to (32,) before the difference is taken.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.preprocessing import MinMaxScaler

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(0)


def get_data():
    np.random.seed(0)
    Xtrain = np.random.normal(0, 1, size=(7000, 10))
    Xval = np.random.normal(0, 1, size=(700, 10))
    ytrain = np.sum(np.sin(Xtrain), axis=1)
    yval = np.sum(np.sin(Xval), axis=1)
    scaler = MinMaxScaler()
    ytrain = scaler.fit_transform(ytrain.reshape(-1, 1)).reshape(-1)
    yval = scaler.transform(yval.reshape(-1, 1)).reshape(-1)
    return (Xtrain.astype("float32"), Xval.astype("float32"), ytrain.astype("float32"), yval.astype("float32"))


Xtrain, Xval, ytrain, yval = get_data()


class MLP(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(32, activation="tanh", kernel_initializer="glorot_uniform")
        self.fc2 = layers.Dense(1, kernel_initializer="glorot_uniform")

    def call(self, x):
        x = self.fc2(self.fc1(x))
        return tf.reshape(x, (-1,)) if GOOD else x


model = MLP()
model(Xtrain[:2])
opt = keras.optimizers.Adam(learning_rate=2e-3)
opt.build(model.trainable_variables)
loader = tf.data.Dataset.from_tensor_slices((Xtrain, ytrain)).shuffle(7000).batch(32, drop_remainder=True)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    grads = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(grads, model.trainable_variables))
    return loss


def mse(X, y):
    return float(np.mean((np.asarray(model(X)).ravel() - y) ** 2))


for epoch in range(10):
    losses = [train_step(x, y) for x, y in loader]
    print(f"epoch {epoch} loss {float(np.mean(losses)):.5f} val mse {mse(Xval, yval):.5f}")

print(f"RESULT {'good' if GOOD else 'bad'} train={mse(Xtrain, ytrain):.5f} val={mse(Xval, yval):.5f} (mean squared error)")
