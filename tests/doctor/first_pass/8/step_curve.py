"""Source: http://fatal001.com/python/50834827888562935160.html (Chinese copy of a Stack Overflow question, "Why can't the
neural network learn the curve?"), question and answer seen.

What the person saw: a net of a single neuron with sigmoid is to learn a curve that is itself a sigmoid upside down; it does
not learn it.

CAUSE: sigmoid only gives values between 0 and 1, and all values of the curve are negative.
FIX: bring the values into [0, 1], here f = lambda x: 1 / (exp(10 x) + 1).
"""
import sys
import numpy as np
import tensorflow as tf

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(0)

# target function
if GOOD:
    f = lambda x: 1. / (np.exp(10. * x) + 1.)
else:
    f = lambda x: - 1. / (np.exp(10. * x) + 1.)

x_train = np.linspace(-1, 1, 111)[:, None]
y_train = f(x_train)
x_test = np.linspace(-1, 1, 11)[:, None]
y_test = f(x_test)

model = tf.keras.models.Sequential([
    tf.keras.layers.Input((1,)),
    tf.keras.layers.Dense(1, activation="sigmoid", use_bias=True),
])
model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss="mse", metrics=["MeanAbsoluteError"])
history = model.fit(x_train, y_train, epochs=200, batch_size=16, verbose=0)
print("loss:", [round(v, 4) for v in history.history["loss"][::25]])

for x, t, p in zip(x_test[:, 0], y_test[:, 0], model.predict(x_test, verbose=0)[:, 0]):
    print(f"{x:5.1f}  true {t:7.4f}  predicted {p:7.4f}")
tr = model.evaluate(x_train, y_train, verbose=0)[0]
va = model.evaluate(x_test, y_test, verbose=0)[0]
print(f"RESULT {sys.argv[1]} train={tr:.4f} val={va:.4f} (mse; variance of the curve {y_train.var():.3f})")
