"""Where from: "Max 75% accuracy! Help!" (a copy of a Stack Exchange question with its answer in
huggingface.co/datasets/nvidia/Nemotron-CC-Math-v1; the copyist has already corrected Y in
the question, the faulty Y is quoted in the answer).  tflearn there, Keras here.

Seen: the net is to tell from the first two columns whether there is a 1 and a 0; after
5000 steps it is stuck at a loss of 0.5 and 75 % accuracy, and the answer for one of the
four rows stays near 0.49.

CAUSE: the label of the second row is [1, 1], which a softmax over two classes cannot give;
the best it can do there is 0.5 and 0.5 (Keras takes the cross entropy from the logits,
where such a label also pulls at the other rows; here that row ends near 0.18).
FIX: the label [1, 0] for that row.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)

X = np.array([[0, 0, 1],
              [0, 1, 1],
              [1, 0, 1],
              [1, 1, 1]], dtype="float32")

Y = np.array([[0, 1],
              [1, 0] if GOOD else [1, 1],
              [1, 0],
              [0, 1]], dtype="float32")

Xtest = np.array([[1, 1, 1],
                  [0, 1, 1],
                  [1, 0, 1],
                  [0, 1, 1]], dtype="float32")
wanted = np.array([0, 1, 1, 1])

net = keras.Sequential([
    keras.Input((3,)),
    layers.Dense(32, activation="sigmoid"),
    layers.Dense(32, activation="sigmoid"),
    layers.Dense(2, activation="softmax"),
])
net.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy",
            metrics=["accuracy"])

for step in range(3000):
    loss, acc = net.train_on_batch(X, Y)
    if step % 300 == 299:
        print("Training Step: %d | total loss: %.5f - acc: %.4f" % (step + 1, loss, acc))

pred = net.predict(Xtest, verbose=0)
for p in pred:
    print(p[0])


def least_sure(x, answer):
    """the probability of the wanted answer, for the row where it is smallest"""
    p = net.predict(x, verbose=0)[:, 0]
    return float(np.min(np.where(answer == 1, p, 1 - p)))


train = least_sure(X, np.array([0, 1, 1, 0]))
val = least_sure(Xtest, wanted)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
