"""Ranks: processes that learn together, on one host or on many (extra ``mpi``: mpi4py).

``mpiexec -n 4 python train.py`` starts four; ``fit(..., shards=8)`` gives the same bits in one
process and in any number of ranks that divides the shards. ``world.py`` has what they tell each
other, ``start.py`` how they were started, ``tree.py`` the sum of what they learned.

>>> import axon
>>> axon.ranks.rank(), axon.ranks.size()  # nobody started others beside this process
(0, 1)
"""

from axon.ranks.tree import all_reduce
from axon.ranks.world import RankError, World, get_timeout, set_timeout, world


def rank() -> int:
    """The number of this process among those that were started together: 0 is the first.

    Raises:
        ImportError: others were started, and mpi4py or an MPI library is missing.
        RuntimeError: others were started, but MPI does not find them; the message says why.
    """
    return world().rank


def size() -> int:
    """How many processes were started together; 1 without ``mpiexec`` or its like.

    Raises:
        ImportError, RuntimeError: as ``rank`` does.
    """
    return world().size


def barrier() -> None:
    """Wait until every rank is here, such as before one reads what another has written.

    Raises:
        RankError: a rank stopped, or did not come in time (``set_timeout``).
    """
    world().barrier()
