"""Networks and optimizers in pickles: descriptions and numbers, never programs or closures.

pickle itself names the classes; a network of AXON's layers is kept as ``axon.load_model`` reads it,
its weights as arrays. So a pickled estimator is small, and one of a later version can read it.
"""

from typing import Any

from axon.config import Configurable
from axon.layers.module import Module
from axon.models import Model
from axon.models.loading import known, remake
from axon.optimizers import Optimizer


def packed_network(network: Model) -> dict[str, Any]:
    """What makes a network again, with all that it has learned.

    Raises:
        TypeError: a function in it has no name, so that pickle, too, could not find it.
    """
    return {
        "network": network.describe(),
        "custom": custom_objects(network),
        "input_shape": network.input_shape,
        "frozen": [path for path, m in named(network).items() if not m.trainable],
        "weights": network.get_weights(),
        "metadata": network.metadata,
    }


def unpacked_network(packed: dict[str, Any]) -> Model:
    """The network, in memory of its own."""
    network: Model = remake(packed["network"], packed["custom"])
    network.build(packed["input_shape"])
    network.set_weights(packed["weights"])
    network.metadata = packed["metadata"]
    modules = named(network)
    for path in packed["frozen"]:
        modules[path].trainable = False
    return network


def named(module: Module, path: str = "") -> dict[str, Module]:
    """All modules inside one, by path."""
    found = {path: module}
    for name, child in module.children():
        found.update(named(child, f"{path}/{name}"))
    return found


def custom_objects(network: Model) -> dict[str, Any]:
    """The classes and functions of a network that are not AXON's, by the names it calls them."""
    usual, found = known(), dict[str, Any]()
    for module in network.modules():
        given = module._arguments() if not isinstance(module, Model) else {}
        for thing in (module, *given.values()):
            if isinstance(thing, Configurable):
                found[type(thing).__name__] = type(thing)
            elif callable(thing) and not type(thing).__module__.startswith("axon."):
                found[getattr(thing, "__name__", type(thing).__name__)] = thing
    return {name: thing for name, thing in found.items() if usual.get(name) is not thing}


def packed_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """What makes an optimizer again, with its state."""
    return {
        "class": type(optimizer),
        "config": optimizer.config(),
        "state": optimizer.state_dict(),
    }


def unpacked_optimizer(packed: dict[str, Any], network: Model) -> Optimizer:
    """The optimizer, in charge of the parameters of a network."""
    optimizer: Optimizer = packed["class"](**packed["config"])
    optimizer.build(network.parameters())
    optimizer.load_state_dict(packed["state"])
    return optimizer
