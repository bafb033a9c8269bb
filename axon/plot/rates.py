"""Learning rates: how a schedule lets them change."""

from collections.abc import Callable, Mapping

from axon.plot.figure import SERIES, Figure, clipped, paper, plain_frame

POINTS = 1000  # at most


def learning_rate(
    schedule: Callable[[int], float] | Mapping[str, Callable[[int], float]],
    steps: int,
    log: bool = False,
) -> Figure:
    """Draw the learning rate that a schedule gives, over the updates.

    Args:
        schedule: a function of the number of updates so far; or several by name.
        steps: how many updates.
        log: a logarithmic scale.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: there are no steps.
        ImportError: matplotlib is missing.

    >>> figure = learning_rate(axon.optimizers.schedules.CosineDecay(0.1, 100), 100)
    >>> float(figure.axes[0].lines[0].get_ydata()[0])
    0.1
    """
    if steps < 1:
        raise ValueError(f"learning_rate: steps must be at least 1, got {steps!r}.")
    several = schedule if isinstance(schedule, Mapping) else {"": schedule}
    figure = paper(4.6, 3.2)
    axes = figure.subplots()
    at = sorted({round(i * (steps - 1) / (POINTS - 1)) for i in range(POINTS)})
    for number, (name, rate) in enumerate(several.items()):
        colour = SERIES[number % len(SERIES)]
        axes.plot(at, [float(rate(step)) for step in at], color=colour, label=clipped(name, 30))
    if log:
        axes.set_yscale("log", nonpositive="mask")
    axes.set_title("learning rate", fontsize=11)
    plain_frame(axes, "update")
    if "" not in several:
        axes.legend(fontsize=8)
    return figure
