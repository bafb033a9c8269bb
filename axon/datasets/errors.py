"""The one error that says: the data could not be had."""


class DatasetUnavailable(OSError):
    """The data are nowhere to be had: not on this machine, and not from a mirror.

    It is an ``OSError``, so that a program can catch it and go on with a dataset that is built in.
    Data that are there but make no sense raise ``ValueError`` instead.

    >>> from axon.datasets import DatasetUnavailable
    >>> issubclass(DatasetUnavailable, OSError)
    True
    """
