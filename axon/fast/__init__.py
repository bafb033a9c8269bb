"""Programs as compiled kernels do them (extra ``fast``: Numba).

A plan becomes work (``rules``), the work is put in order (``schedule``), written down in tables
(``machine``), and run by one compiled loop (``loops``) on all cores (``team``).
"""

from axon.fast import rules
from axon.fast.machine import Machine
from axon.fast.schedule import NotWorthIt
