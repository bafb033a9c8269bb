"""Programs: a training step recorded once and replayed from then on.

Read trace.py (write down), plan.py (who lives where), replay.py (run), show.py (print), in this order.
"""

from axon.program.replay import Program, Step
