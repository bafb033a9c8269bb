"""Run by test_same_names.py: asks Keras for its signatures, and for its numbers in given cases.

python tests/contracts/keras_facts.py FOLDER: reads cases.json there and writes facts.json.
"""

import inspect
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

FOLDER = Path(sys.argv[1])
ROOMS = {
    name: getattr(keras, name)
    for name in ("layers", "losses", "metrics", "optimizers", "callbacks", "initializers")
}
ROOMS |= {name: getattr(keras, name) for name in ("regularizers", "constraints")}
ROOMS["schedules"] = keras.optimizers.schedules


def signature(room, name):
    made = getattr(ROOMS[room], name, None)
    if not inspect.isclass(made):
        return None
    parameters = list(inspect.signature(made.__init__).parameters.values())[1:]
    return [[p.name, p.kind.name, repr(p.default)] for p in parameters]


def loss(name, options, y, p, w):
    made = getattr(keras.losses, name)(**options)
    return float(made(np.float32(y), np.float32(p), None if w is None else np.float32(w)))


def metric(name, options, batches):
    made = getattr(keras.metrics, name)(**options)
    for y, p, w in batches:
        made.update_state(np.float32(y), np.float32(p), None if w is None else np.float32(w))
    return np.asarray(made.result()).tolist()


def layer(name, args, options, x):
    made = getattr(keras.layers, name)(*args, **options)
    return np.asarray(made(np.float32(x), training=True).detach()).tolist()


def merge(name, args, options, xs, masks):
    """What a layer of several inputs gives, its gradients, and the mask behind it."""
    made = getattr(keras.layers, name)(*args, **options)
    given = [torch.tensor(np.float32(x), requires_grad=True) for x in xs]
    y = made(given)
    slopes = torch.autograd.grad(
        (y * y * torch.arange(1.0, y.numel() + 1).reshape(y.shape)).sum(), given
    )
    mask = made.compute_mask(given, [None if m is None else torch.tensor(m) for m in masks])
    mask = mask if mask is None else mask.tolist()
    return [y.detach().tolist(), [g.tolist() for g in slopes], mask]


def outputs(weights, options, x, targets, sample_weight):
    """Histories of a model of two outputs, whose weights are given, and what comes out."""
    inputs = keras.Input((np.shape(x)[1],))
    h = keras.layers.Dense(4, "tanh")(inputs)
    ends = [keras.layers.Dense(2, name="price")(h)]
    ends += [keras.layers.Dense(3, "softmax", name="kind")(h)]
    model = keras.Model(inputs, ends)
    model.set_weights([np.float32(w) for w in weights])
    model.compile(optimizer=keras.optimizers.SGD(0.1), **options)
    y = [np.float32(targets[0]), np.int64(targets[1])]
    w = None if sample_weight is None else np.float32(sample_weight)
    if w is not None:
        w = [w, w]
    told = model.fit(np.float32(x), y, 4, epochs=3, shuffle=False, verbose=0, sample_weight=w)
    found = model.predict(np.float32(x), verbose=0)
    return [told.history, [f.tolist() for f in found]]


def stop(options, values):
    callback = keras.callbacks.EarlyStopping("loss", mode="min", **options)
    model = SimpleNamespace(stop_training=False, weights=0, get_weights=lambda: 0)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"loss": value})
        if model.stop_training:
            return epoch
    return None


def steps(name, options, values, gradients):
    optimizer = getattr(keras.optimizers, name)(**options)
    variables = [keras.Variable(np.float32(v), name=f"w{i}") for i, v in enumerate(values)]
    optimizer.build(variables)
    for one in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(g)) for g in one], variables)
    return [v.value.detach().numpy().tolist() for v in variables]


KINDS = {"loss": loss, "metric": metric, "layer": layer, "stop": stop, "steps": steps}
KINDS |= {"merge": merge, "outputs": outputs}
cases = json.loads((FOLDER / "cases.json").read_text())
facts = {"version": keras.__version__, "signatures": {}, "answers": {}}
for room, name in cases["names"]:
    facts["signatures"][f"{room}.{name}"] = signature(room, name)
for label, (kind, *arguments) in cases["cases"].items():
    facts["answers"][label] = KINDS[kind](*arguments)
(FOLDER / "facts.json").write_text(json.dumps(facts))
