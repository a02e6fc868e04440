"""Source: keras-team/keras#3642 ("Autoencoder tutorial not reproducible"), whole thread seen; the reporter confirms.

What the person saw: the first autoencoder of the blog tutorial (one Dense encoder, one Dense decoder with sigmoid,
binary_crossentropy) gives far worse reconstructions than the tutorial shows.

CAUSE: the pixels are integers of 0..255, as they come from the data set.
FIX: cast to float and divide by 255.
(scikit-learn's 8x8 digits, brought to 0..255, in place of MNIST; adam in place of adadelta.)
"""
import sys
import numpy as np
from sklearn.datasets import load_digits
from keras.layers import Input, Dense
from keras.models import Model
from keras.utils import set_random_seed

GOOD = sys.argv[1] == "good"
set_random_seed(1)

images = (load_digits().images / 16 * 255).astype("uint8")
order = np.random.RandomState(1).permutation(len(images))
images = images[order]
x_train, x_test = images[:1400], images[1400:]

x_train = x_train.reshape((len(x_train), np.prod(x_train.shape[1:])))
x_test = x_test.reshape((len(x_test), np.prod(x_test.shape[1:])))
if GOOD:
    x_train = x_train.astype("float32") / 255.
    x_test = x_test.astype("float32") / 255.
print(x_train.shape, x_test.shape)

encoding_dim = 24
input_img = Input(shape=(64,))
encoded = Dense(encoding_dim, activation="relu")(input_img)
decoded = Dense(64, activation="sigmoid")(encoded)
autoencoder = Model(input_img, decoded)

autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(x_train, x_train, epochs=80, batch_size=64, shuffle=True, validation_data=(x_test, x_test), verbose=2)


def likeness(x):
    """Mean correlation between a digit and its reconstruction."""
    r = autoencoder.predict(x, verbose=0)
    return np.nanmean([np.corrcoef(a, b)[0, 1] if b.std() > 0 else 0.0 for a, b in zip(x.astype(float), r)])


print(f"RESULT {sys.argv[1]} train={likeness(x_train):.3f} val={likeness(x_test):.3f} (correlation of picture and copy)")
