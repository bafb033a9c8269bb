"""Floor 0: a count of all changes of settings, by which recorded programs notice them."""


class _Changes:
    count = 0


changes = _Changes()


def count_up() -> int:
    """Take note of one change more; returns its number."""
    changes.count += 1
    return changes.count
