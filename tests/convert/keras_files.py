"""Run by tests/convert/test_keras.py: writes files with Keras, and what its networks compute.

python tests/convert/keras_files.py FOLDER
"""

# ruff: noqa: E402 - what has to be said before the import of Keras

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.modules["tensorflow"] = None  # not needed, and slow to import

import keras
import numpy as np
from keras import layers as L

FOLDER = Path(sys.argv[1])
rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)


def images():
    return keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            L.Conv2D(4, 3, activation="relu"),
            L.Conv2D(4, (1, 2), groups=2, use_bias=False),
            L.BatchNormalization(),
            L.DepthwiseConv2D(3, depth_multiplier=2),
            L.GroupNormalization(4),
            L.SeparableConv2D(6, 3, padding="same", depth_multiplier=2),
            L.Conv2DTranspose(4, (3, 2), strides=2),
            L.MaxPooling2D(2),
            L.BatchNormalization(scale=False),
            L.Conv2D(4, 1, name="with_a_name"),
            L.LayerNormalization(),
            L.RMSNormalization(),
            L.Dropout(0.2),
            L.Flatten(),
            L.Dense(5),
            keras.Sequential([L.Dense(5, "tanh"), L.Dense(5, name="zz")], name="inner"),
            L.Dense(5, name="first_by_name"),
            L.Dense(2, "softmax"),
        ]
    )


def sequences():
    x = words = keras.Input((6,), dtype="int32")
    x = L.Embedding(10, 8)(x)
    x = L.LSTM(6, return_sequences=True)(x)
    x = L.GRU(8, return_sequences=True)(x)
    x = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    x = x + L.MultiHeadAttention(2, 4, value_dim=3)(x, x)
    x = L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="sum")(x)
    x = L.GRU(4, return_sequences=True, reset_after=False)(x)
    x = L.SimpleRNN(5, return_sequences=True, use_bias=False)(x)
    x = L.TimeDistributed(L.Dense(5))(x)
    x = L.Conv1D(5, 2)(x)
    x = L.LSTM(5)(x)
    return keras.Model(words, L.Dense(3)(x))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.start = L.Dense(4)
        inner = keras.Sequential([L.Dense(4)])
        self.blocks = [L.Dense(4, "tanh"), inner, L.LayerNormalization(), L.Dense(4)]
        self.head = keras.Sequential([L.Dense(4), L.BatchNormalization(), L.Dense(2)])

    def call(self, x):
        x = self.start(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def normalized():
    first = L.Normalization()
    first.build((None, 4))  # adapt itself would need TensorFlow
    first.adapt_mean.assign([3.0, 1.0, 0.0, -2.0])
    first.adapt_variance.assign([4.0, 1.0, 2.0, 0.5])
    first.finalize_state()
    return keras.Sequential([keras.Input((4,)), first, L.Dense(4), L.Dense(4)])


def shaken(model):
    """Draw all numbers anew: the usual first biases are all 0 or 1."""
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if not isinstance(layer, L.Normalization):
            for v in layer._trainable_variables + layer._non_trainable_variables:
                values = 0.3 * rng.normal(size=v.shape)
                v.assign(np.abs(values) + 0.1 if "variance" in v.name else values)
    return model


def write(name, model, x, forms):
    model(x)  # builds it
    model = shaken(model)
    y = model(x)
    np.savez(
        FOLDER / f"{name}.npz", x=x, y=keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))
    )
    for form in forms:
        path = FOLDER / f"{name}{form}"
        model.save_weights(path) if form == ".weights.h5" else model.save(path)


ALL = (".weights.h5", ".keras", ".h5")
write("images", images(), rng.normal(size=(3, 8, 8, 4)).astype("f4"), ALL)
write("sequences", sequences(), rng.integers(0, 10, (3, 6)).astype("i4"), ALL)
write("own", Own(), rng.normal(size=(3, 4)).astype("f4"), ALL[:2])
x = rng.normal(3, 2, (8, 4)).astype("f4")
del sys.modules["tensorflow"]  # this layer asks whether it is in use
trained = normalized()
trained.compile("adam", "mse", metrics=["mae"])
trained.optimizer.build(trained.trainable_variables)
write("normalized", trained, x, ALL)
sys.modules["tensorflow"] = None
keras.config.set_dtype_policy("bfloat16")
small = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])
write("bfloat16", small, x, ALL[:1])
