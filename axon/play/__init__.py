"""``axon play``: a page on this machine in which one sees a small network learn.

``lesson`` has what is learned, ``choices`` what may be chosen, ``learner`` a network that learns by
its recorded program, ``pictures`` what is sent of it, ``session`` one tab of the browser, and
``server`` the page. The page itself is in ``static``: modules of JavaScript, as they are written.

>>> from axon.play import Chosen, Learner, make
>>> settings = Chosen(data="xor", layers=(4,))
>>> learner = Learner(settings, make(settings))
>>> learner.steps(3)
>>> learner.done
3
"""

from axon.play.choices import Chosen
from axon.play.learner import Learner
from axon.play.lesson import Lesson, make, of_table
from axon.play.server import PlayServer, serve
from axon.play.session import Session, Sessions

__all__ = ["PlayServer", "Session", "Sessions", "Chosen", "Learner", "Lesson", "make", "of_table",
           "serve"]  # fmt: skip
