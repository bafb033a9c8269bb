"""Checks for whoever writes a primitive, a layer or a loss; silence is approval.

``check_gradient`` compares gradients with differences of values; ``check_primitive`` and
``check_layer`` check all that AXON relies on.
"""

from axon.testing.gradients import check_gradient
from axon.testing.layers import check_layer
from axon.testing.primitives import check_primitive

__all__ = ["check_gradient", "check_layer", "check_primitive"]
