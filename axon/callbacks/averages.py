"""Testing with the averages of the weights that the optimizer keeps."""

from axon.callbacks.base import Callback, Logs


class SwapEMAWeights(Callback):
    """Let validations and evaluations use the averages of the weights (``use_ema=True``).

    Weights and averages change places when one begins, and back when it ends.

    Args:
        swap_on_epoch: must be False: when ``fit`` ends weights are the averages anyway, and
            ``ema_overwrite_frequency`` lets them be so in between.

    Raises:
        ValueError: the optimizer keeps no averages.

    >>> SwapEMAWeights().swapped
    False
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        if swap_on_epoch is not False:
            raise ValueError(
                "SwapEMAWeights: swap_on_epoch must be False. To have the averages in files that "
                "are written while training, use ema_overwrite_frequency of the optimizer."
            )
        self.swap_on_epoch, self.swapped = False, False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Make sure that there will be averages, before time is spent on training."""
        self._demand_averages()

    def _demand_averages(self) -> None:
        if not self.model.optimizer.use_ema:
            raise ValueError(
                "SwapEMAWeights: the optimizer keeps no averages. Make it with use_ema=True."
            )

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Averages take the place of the weights, if there are any yet."""
        self._demand_averages()
        if not self.swapped and self.model.optimizer.averages_wait:
            self._swap()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Weights come back."""
        if self.swapped:
            self._swap()

    def on_exception(self, exception: BaseException) -> None:
        """Weights come back, whatever happened."""
        self.on_test_end()

    def _swap(self) -> None:
        for p, average in self.model.optimizer.averages():
            kept = p.data.copy()
            p.data[...] = average
            average[...] = kept
        self.swapped = not self.swapped
