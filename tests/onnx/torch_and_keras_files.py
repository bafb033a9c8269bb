"""Run in a process of its own: Keras writes ONNX files, and what they should predict.

python tests/onnx/torch_and_keras_files.py FOLDER BACKEND
"""

# ruff: noqa: E402 - what has to be said before the import of Keras

import os
import sys
import warnings
from pathlib import Path

folder, backend = Path(sys.argv[1]), sys.argv[2]
os.environ["KERAS_BACKEND"] = backend
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
if backend == "torch":
    sys.modules["tensorflow"] = None  # not needed, and slow to import
warnings.filterwarnings("ignore")

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(3)
NETS = {
    "mlp": [
        layers.Input((6,)),
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ],
    "cnn": [
        layers.Input((12, 12, 3)),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(8, 3),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ],
}
if backend == "tensorflow":
    recurrent = [layers.LSTM(5, return_sequences=True), layers.GRU(5), layers.Dense(3)]
    NETS["rnn"] = [layers.Input((7, 4)), *recurrent]

for name, stack in NETS.items():
    model = keras.Sequential(stack)
    for weights in model.weights:  # none as they begin: zeros and ones would be left out
        if weights.dtype == "float32":
            values = np.random.default_rng(5).uniform(0.2, 0.8, weights.shape)
            weights.assign(values.astype("f4"))
    x = np.random.default_rng(4).normal(size=(5, *model.input_shape[1:])).astype("f4")
    np.save(folder / f"{name}-x.npy", x)
    np.save(folder / f"{name}-y.npy", model.predict(x, verbose=0))
    model.export(folder / f"{name}.onnx", format="onnx", verbose=False)
