"""Keras on TensorFlow: compile and fit, on a tf.data pipeline, several steps in one call."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from bench.work import (
    BLOCKS,
    EPSILON,
    HEADS,
    INNER,
    MOMENTUM,
    NORM_EPSILON,
    PATCH,
    SIDE,
    WIDTH,
    Workload,
    weights,
)


class Places(layers.Layer):
    """A learned vector for each place; Keras has no layer for it."""

    def build(self, shape):
        self.places = self.add_weight(shape=shape[1:], name="places")

    def call(self, x):
        return x + self.places


def attention(x):
    """Attention over the patches of an image."""
    x = layers.Reshape((SIDE, PATCH, SIDE, PATCH))(x)
    x = layers.Reshape((SIDE * SIDE, PATCH * PATCH))(layers.Permute((1, 3, 2, 4))(x))
    x = Places()(layers.Dense(WIDTH)(x))
    for _ in range(BLOCKS):
        y = layers.LayerNormalization(epsilon=NORM_EPSILON)(x)
        x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)
        y = layers.LayerNormalization(epsilon=NORM_EPSILON)(x)
        x = x + layers.Dense(WIDTH)(layers.Dense(INNER, activation="gelu")(y))
    x = layers.LayerNormalization(epsilon=NORM_EPSILON)(x)
    return layers.Dense(10)(layers.GlobalAveragePooling1D()(x))


def normalized(filters: int) -> list:
    norm = layers.BatchNormalization(momentum=MOMENTUM, epsilon=NORM_EPSILON)
    conv = layers.Conv2D(filters, 3, use_bias=False)
    return [conv, norm, layers.ReLU(), layers.MaxPooling2D(2)]


def network(work: Workload) -> keras.Model:
    """The network, without softmax or sigmoid at its end: the losses contain them."""
    x = layers.Input((10,) if work.network == "table" else (28, 28, 1))
    if work.network == "attention":
        return keras.Model(x, attention(x))
    relu = {"activation": "relu"}
    chains = {
        "mlp": [layers.Flatten(), layers.Dense(128, **relu), layers.Dense(64, **relu)],
        "cnn": [
            *(layers.Conv2D(32, 3, **relu), layers.MaxPooling2D(2)),
            *(layers.Conv2D(64, 3, **relu), layers.MaxPooling2D(2), layers.Flatten()),
        ],
        "cnn-norm": [
            *(*normalized(32), *normalized(64)),
            *(layers.Flatten(), layers.Dropout(work.dropout)),
        ],
        "lstm": [layers.Reshape((28, 28)), layers.LSTM(128)],
        "table": [layers.Dense(32, **relu), layers.Dense(16, **relu)],
    }
    last = layers.Dense(1 if work.network == "table" else 10)
    return keras.Sequential([x, *chains[work.network], last])


class Fit:
    """``fit`` on a tf.data pipeline that gathers the batches ahead of time."""

    def __init__(self, work: Workload) -> None:
        self.work = work
        self.model = network(work)
        start = weights(work.network)
        for variable, w in zip(self.model.trainable_variables, start, strict=True):
            variable.assign(w.reshape(variable.shape))
        rate = work.learning_rate
        optimizers = keras.optimizers
        adam = optimizers.Adam(rate, epsilon=EPSILON)
        if work.network == "table":
            loss, self.end = keras.losses.BinaryCrossentropy(from_logits=True), tf.sigmoid
        else:
            loss, self.end = keras.losses.SparseCategoricalCrossentropy(True), tf.nn.softmax
        self.model.compile(
            adam if work.optimizer == "adam" else optimizers.SGD(rate), loss, steps_per_execution=32
        )

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = tf.constant(x), tf.constant(y)

    def train(self, orders: np.ndarray) -> float:
        def gather(rows):
            return tf.gather(self.x, rows), tf.gather(self.y, rows)

        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = False  # faster without
        batches = tf.data.Dataset.from_tensor_slices(orders.reshape(-1, self.work.batch_size))
        batches = batches.map(gather).prefetch(8).with_options(options)
        steps = orders.shape[1] // self.work.batch_size
        history = self.model.fit(batches, epochs=len(orders), steps_per_epoch=steps, verbose=0)
        return history.history["loss"][-1]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """A small batch goes through the model at once, as the manual advises."""
        z = self.model.predict_on_batch(x) if len(x) == 1 else self.model.predict(x, 1024, 0)
        return self.end(z).numpy()
