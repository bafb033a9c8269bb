"""Networks and optimizers in pickles: descriptions and numbers, never programs or closures.

pickle itself names the classes; a network is described as ``model.save`` does it, and its weights
are arrays. So a pickled estimator is small, and one of a later version can read it.
"""

from typing import Any

from axon.config import Configurable
from axon.layers.state import freeze, paths_in, state_of
from axon.models import Model
from axon.models.loading import ByName, known, rebuild
from axon.models.saving import describe
from axon.optimizers import Optimizer

Packed = dict[str, Any]  # what pickle keeps: descriptions, classes and arrays by name


def packed_network(network: Model) -> Packed:
    """What makes a network again, with all that it has learned.

    Raises:
        TypeError: a function in it has no name, so that pickle, too, could not find it.
    """
    return {
        "network": describe(network),
        "custom": custom_objects(network),
        "weights": state_of(network),
    }


def unpacked_network(packed: Packed) -> Model:
    """The network, in memory of its own."""
    if "input_shape" in packed:
        return _of_older_versions(packed)
    network: Model = rebuild(packed["network"], packed["custom"])
    network.load_state_dict(packed["weights"])
    freeze(network, packed["network"]["frozen"])
    return network


def _of_older_versions(packed: Packed) -> Model:
    """The same, as it was packed before descriptions knew shapes and what is frozen."""
    beside = {name: packed[name] for name in ("input_shape", "metadata")}
    network: Model = rebuild({**packed["network"], **beside}, packed["custom"])
    network.set_weights(packed["weights"])
    for path, module in paths_in(network):
        if (f"/{path}" if path else "") in packed["frozen"]:
            module.trainable = False
    return network


def custom_objects(network: Model) -> ByName:
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


def packed_optimizer(optimizer: Optimizer) -> Packed:
    """What makes an optimizer again, with its state."""
    return {
        "class": type(optimizer),
        "config": optimizer.config(),
        "state": optimizer.state_dict(),
    }


def unpacked_optimizer(packed: Packed, network: Model) -> Optimizer:
    """The optimizer, in charge of the parameters of a network."""
    optimizer: Optimizer = packed["class"](**packed["config"])
    optimizer.build(network.parameters(), network.named_parameters())
    optimizer.load_state_dict(packed["state"])
    return optimizer
