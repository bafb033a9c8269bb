"""TerminateOnNaN: do not go on with a model that is lost."""

from math import isfinite

from axon.callbacks.base import Callback, Logs


class TerminateOnNaN(Callback):
    """End training as soon as the loss is NaN or infinite.

    Args:
        raise_error: raise an error instead of stopping quietly.

    Raises:
        RuntimeError: with ``raise_error``, the loss is not finite.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if isfinite(loss):
            return
        text = f"Batch {batch + 1}: the loss is {loss}"
        if self.raise_error:
            raise RuntimeError(
                f"{text}. Try a smaller learning rate, or look for huge values in x and y."
            )
        print(f"{text}, training ends.", flush=True)
        self.model.stop_training = True
