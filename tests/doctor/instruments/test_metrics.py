"""The accuracies of a compiled model, computed again from labels and outputs."""

import keras
import numpy as np
from keras import layers

from exprun.doctor.instruments.metrics import accuracies_of


def near(labels, outputs):
    return keras.ops.mean(keras.ops.cast(keras.ops.abs(labels - outputs) < 0.1, "float32"))


def values(model, labels, outputs):
    return {accuracy.name: (accuracy.kind, accuracy.value(labels, outputs)) for accuracy in accuracies_of(model)}


def test_the_functions_of_accuracies_are_those_of_keras():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4, activation="softmax")])
    assert accuracies_of(model) == []
    chosen = [
        "accuracy",
        keras.metrics.BinaryAccuracy("half_acc", threshold=0.3),
        keras.metrics.TopKCategoricalAccuracy(),
        "mae",
    ]
    model.compile("sgd", "categorical_crossentropy", metrics=[*chosen, keras.metrics.Accuracy("equal_acc")])
    assert accuracies_of(model) == []  # Keras chooses when it sees labels
    hot = np.eye(4, dtype=np.float32)[[0, 1, 2, 3]]
    model.fit(np.zeros((4, 3)), hot, verbose=0)
    outputs = np.float32([[0.7, 0.1, 0.1, 0.1], [0.4, 0.6, 0, 0], [0.9, 0, 0.1, 0], [0.1, 0.1, 0.1, 0.7]])
    found = values(model, hot, outputs)
    assert {name: kind for name, (kind, _) in found.items()} == {
        "accuracy": "CategoricalAccuracy",
        "half_acc": "BinaryAccuracy",
        "equal_acc": "Accuracy",
    }
    assert [round(value, 4) for _, value in found.values()] == [0.75, 0.8125, 0.25]
    assert not any(accuracy.is_own for accuracy in accuracies_of(model))
    before = [np.array(variable) for metric in model.metrics for variable in metric.variables]
    assert values(model, hot, outputs) == found
    assert all(
        np.array_equal(*pair) for pair in zip(before, [v for m in model.metrics for v in m.variables], strict=True)
    )


def test_a_function_of_ones_own_and_labels_that_it_cannot_take():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(1)])
    near.__name__ = "near_accuracy"
    model.compile("sgd", "mse", metrics=[near])
    model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)
    (accuracy,) = accuracies_of(model)
    assert (accuracy.kind, accuracy.is_own) == ("near_accuracy", True)
    assert accuracy.value(np.float32([[0], [1]]), np.float32([[0.05], [2]])) == 0.5
    assert accuracy.value(np.zeros((2, 3, 5), np.float32), np.zeros((4, 4), np.float32)) is None
