"""Programs: a training step recorded once and replayed from then on.

Read, in this order: trace.py (write down), plan.py (who lives where), replay.py (run), show.py
(print), profile.py (measure).
"""

from axon.program.profile import Profile, Timing
from axon.program.replay import Program, Step
