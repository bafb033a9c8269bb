"""What is checked before the first step: that there is something to learn, of enough samples."""

from axon.models.feeds import ArrayFeed
from axon.models.network import Network
from axon.optimizers import Optimizer


def warn_of_small(optimizer: Optimizer, feed: ArrayFeed) -> None:
    """Say that an optimizer for whole data sets will see parts of one."""
    if optimizer.full_batches and feed.batch_size < feed.size:
        from warnings import warn

        warn(
            f"{type(optimizer).__name__} learns the bend of one function from step to "
            f"step, but batches of {feed.batch_size} of {feed.size} samples are others each "
            f"time, and the loss may grow. Use batch_size={feed.size}, or another optimizer.",
            UserWarning,
            stacklevel=2,
        )


def demand_learning(model: Network) -> None:
    """Raise ValueError if there is nothing that training could change."""
    parameters = model.parameters()
    if not any(p.requires_grad for p in parameters):
        why = "all its layers are frozen" if parameters else "its layers have no parameters"
        fix = "Set layer.trainable = True" if parameters else "Add one, such as Dense(10)"
        raise ValueError(f"model {model.name!r} has nothing to train: {why}. {fix}.")


def demand_large(model: Network, feed: ArrayFeed, shards: int) -> None:
    """Say before the first step, and not in the last one, that a batch is too small."""
    least = model.least_batch
    if max(feed.smallest // shards, 1) < least:
        layer = next(
            m for m in model.modules() if not list(m.children()) and m.least_batch == least
        )
        cut = f", cut into {shards} shards, leaves one that" if shards > 1 else ","
        raise ValueError(
            f"layer {layer.name!r} ({layer!r}): the last batch of an epoch, {feed.size} "
            f"samples in batches of {feed.batch_size}{cut} is a single sample, hence a single "
            "value for each channel, which minus its mean is always 0. Use larger batches, "
            f"or another batch_size that leaves no rest of {'1' if shards < 2 else 'so few'}; "
            f"{'or fewer shards; ' if shards > 1 else ''}or LayerNormalization; or freeze "
            "the layer with trainable=False."
        )
