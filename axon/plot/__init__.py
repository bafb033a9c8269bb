"""Pictures of networks and of their training, as matplotlib figures (extra "plot").

Each function returns a Figure that belongs to no window: a notebook shows it, ``save`` writes it.
"""

from axon.plot.activations import activations
from axon.plot.boundary import decision_boundary
from axon.plot.confusion import confusion_matrix
from axon.plot.curves import curves
from axon.plot.figure import need_matplotlib, save
from axon.plot.filters import filters
from axon.plot.mistakes import mistakes
from axon.plot.network import network
from axon.plot.rates import learning_rate
from axon.plot.roc import roc_curve
