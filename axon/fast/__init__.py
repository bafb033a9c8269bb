"""Programs as compiled kernels do them (extra ``fast``: Numba).

A plan becomes work (``rules``), the work is put in order (``schedule``) and written down in tables
(``builder``), which a ``machine`` has run by one compiled loop (``loops``) on all cores
(``workers``). ``lower`` and ``demand`` are the plug that ``axon.program.lowerings`` knows.
"""

from axon.fast import rules
from axon.fast.builder import demand, lower
