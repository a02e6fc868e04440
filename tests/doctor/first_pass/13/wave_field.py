"""
SOURCE: https://github.com/prateekbhustali/Physics-Informed-Neural-Networks/issues/4 ("Helmholtz pytorch predicted problem";
    the same in #2, "problem with Helmholtz.ipynb, wrong result"), whole threads seen; two people name the place.
SEEN: A network that learns the solution of the 2-D Helmholtz equation from the equation itself: whatever layers or number
    of iterations, the result is bad, while another version of the same program works.
CAUSE: The second derivatives are taken from the whole gradient at once: grad(u_x, g) with u_x of shape (n, 2) adds up
    both components, so column 0 is u_xx + u_xy and column 1 is u_yy + u_xy; the mixed derivative gets into the Laplace
    term and the network solves another equation.
FIX: Differentiate each component of the gradient by itself and take the matching column.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

a_1, a_2, k = 1, 1, 1.0


def exact(g):
    return np.sin(a_1 * np.pi * g[:, :1]) * np.sin(a_2 * np.pi * g[:, 1:])


def forcing(g):
    return (k ** 2 - (a_1 * np.pi) ** 2 - (a_2 * np.pi) ** 2) * exact(g)


n_f, n_b = 300, 30
X_f = rng.uniform(-1, 1, (n_f, 2)).astype("float32")
side = rng.uniform(-1, 1, (4, n_b))
one = np.ones(n_b)
X_u = np.concatenate([np.stack([side[0], one], 1), np.stack([side[1], -one], 1),
                      np.stack([one, side[2]], 1), np.stack([-one, side[3]], 1)]).astype("float32")
u_b = exact(X_u).astype("float32")
q = forcing(X_f).astype("float32")

net = keras.Sequential([
    layers.Input((2,)),
    layers.Dense(24, activation="tanh", kernel_initializer="glorot_normal"),
    layers.Dense(24, activation="tanh", kernel_initializer="glorot_normal"),
    layers.Dense(24, activation="tanh", kernel_initializer="glorot_normal"),
    layers.Dense(1, kernel_initializer="glorot_normal"),
])


def loss_bc():
    return tf.reduce_mean((net(X_u) - u_b) ** 2)


def loss_pde():
    g = tf.constant(X_f)
    with tf.GradientTape(persistent=True) as second:
        second.watch(g)
        with tf.GradientTape() as first:
            first.watch(g)
            u = net(g)
        u_x = first.gradient(u, g)
        u_x1 = u_x[:, 0:1]
        u_x2 = u_x[:, 1:2]
    if GOOD:
        u_xx1 = second.gradient(u_x1, g)[:, 0:1]
        u_xx2 = second.gradient(u_x2, g)[:, 1:2]
    else:
        u_xx = second.gradient(u_x, g)
        u_xx1 = u_xx[:, 0:1]
        u_xx2 = u_xx[:, 1:2]
    f = u_xx1 + u_xx2 + k ** 2 * u - q
    return tf.reduce_mean(f ** 2)


rate = keras.optimizers.schedules.ExponentialDecay(8e-3, 300, 0.7)
opt = keras.optimizers.Adam(rate)
opt.build(net.trainable_variables)


@tf.function
def step():
    with tf.GradientTape() as tape:
        bc, pde = loss_bc(), loss_pde()
        loss = 10.0 * bc + pde
    grads = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(grads, net.trainable_variables))
    return bc, pde


def error(g):
    return float(np.linalg.norm(net(g).numpy() - exact(g)) / np.linalg.norm(exact(g)))


axis = np.linspace(-1, 1, 60)
grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")

for it in range(1401):
    bc, pde = step()
    if it % 250 == 0:
        print(f"{it} loss_bc {float(bc):.4f} loss_pde {float(pde):.4f} error {error(grid):.4f}")

print(f"RESULT {'good' if GOOD else 'bad'} train={error(X_f):.4f} val={error(grid):.4f} (relative L2 error)")
