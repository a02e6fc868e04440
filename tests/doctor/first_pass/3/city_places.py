"""
SOURCE: https://github.com/mpkuse/cartwheel_train/issues/7 ("train generator doesn't refresh its images")

SEEN: a place recognition network fed by an own keras Sequence that holds a pool of pictures in memory and is
meant to load a new pool for each epoch. It loads pictures once at the start and yields only those ever after;
the net knows its few pictures by heart and is poor on others.

CAUSE: the reload is written in a method called on_epoch_start, which Keras never calls.
FIX: name the method on_epoch_end, which Keras calls after each epoch.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(17)
PLACES, S = 12, 24
world = np.random.default_rng(170).uniform(0, 1, (PLACES, S + 12, S + 12, 3))
for _ in range(3):      # facades are smooth
    world = (world + np.roll(world, 1, 1) + np.roll(world, 1, 2) + np.roll(world, (1, 1), (1, 2))) / 4
world = (world - world.mean()) / world.std()


def take_photo(rng, place):
    """somebody stands in front of the place, at some spot and in some weather"""
    dy, dx = rng.integers(0, 12, 2)
    view = world[place, dy:dy + S, dx:dx + S]
    if rng.random() < .5:
        view = view[:, ::-1]
    return (view * rng.uniform(.5, 1.2) + rng.normal(0, .5) + rng.normal(0, .35, view.shape)).astype("float32")


class PitsSequence(keras.utils.PyDataset):
    def __init__(self, n_pool, batch_size, seed, **kw):
        super().__init__(**kw)
        self.n_pool, self.batch_size = n_pool, batch_size
        self.rng = np.random.default_rng(seed)
        self.load_pool()

    def load_pool(self):
        self.labels = self.rng.integers(0, PLACES, self.n_pool)
        self.images = np.stack([take_photo(self.rng, p) for p in self.labels])

    def __len__(self):
        return self.n_pool // self.batch_size

    def __getitem__(self, i):
        s = slice(i * self.batch_size, (i + 1) * self.batch_size)
        return self.images[s], self.labels[s]

    if GOOD:
        def on_epoch_end(self):
            self.load_pool()
    else:
        def on_epoch_start(self):
            self.load_pool()


class PlaceNet(keras.Model):
    def __init__(self):
        super().__init__()
        self.body = keras.Sequential([
            layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Flatten(), layers.Dense(64, activation="relu")])
        self.head = layers.Dense(PLACES)

    def call(self, x):
        return self.head(self.body(x))


train_seq = PitsSequence(96, 16, seed=1)
val_seq = PitsSequence(480, 48, seed=2)
x_val, y_val = val_seq.images.copy(), val_seq.labels.copy()

net = PlaceNet()
net.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
h = net.fit(train_seq, epochs=90, validation_data=(x_val, y_val), validation_freq=15, validation_batch_size=96, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
