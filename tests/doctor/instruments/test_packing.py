"""Several inputs of a network as one array."""

import gc

import keras
import numpy as np
import pytest

from exprun.doctor.instruments.packing import Packing, as_taken, packing_for, packing_of, remember

IMAGES, WORDS = np.arange(24.0).reshape(2, 3, 4).astype("float32"), np.array([[5], [7]], "int64")


@pytest.mark.parametrize(
    "inputs", [[IMAGES, WORDS], (IMAGES, WORDS), {"words": WORDS, "images": IMAGES}, {"a": [WORDS, IMAGES], "b": WORDS}]
)
def test_packed_inputs_come_back_as_they_were(inputs):
    packing = packing_for(inputs)
    assert packing is not None
    packed = packing.pack(inputs)
    assert packed.shape == (2, packing.values)
    assert packed.dtype == np.float32
    back = packing.unpack(packed)
    assert type(back) is type(inputs)
    for one, other in zip(keras.tree.flatten(back), keras.tree.flatten(inputs), strict=True):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    tensors = packing.unpack(keras.ops.convert_to_tensor(packed))
    for one, other in zip(keras.tree.flatten(tensors), keras.tree.flatten(inputs), strict=True):
        assert np.array_equal(np.asarray(one), other)


@pytest.mark.parametrize(
    "inputs", [IMAGES, [IMAGES], [IMAGES, np.array(["a", "b"])], [IMAGES, WORDS[:1]], [IMAGES, np.float32(1)]]
)
def test_what_cannot_be_packed(inputs):
    assert packing_for(inputs) is None


def test_a_model_takes_packed_inputs_once_it_is_known_how():
    model, packing = keras.Sequential(), packing_for([IMAGES, WORDS])
    assert isinstance(packing, Packing)
    packed = packing.pack([IMAGES, WORDS])
    assert as_taken(model, packed) is packed
    remember(model, packing)
    assert isinstance(as_taken(model, packed), list)
    assert as_taken(model, packed[:, :3]).shape == (2, 3)  # not all inputs
    assert packing_of(object()) is None
    assert packing_of([]) is None


def test_a_model_can_be_released():
    model = keras.Sequential()
    remember(model, packing_for([IMAGES, WORDS]))
    known = len(packing_of.__globals__["_packings"])
    del model
    gc.collect()
    assert len(packing_of.__globals__["_packings"]) < known
