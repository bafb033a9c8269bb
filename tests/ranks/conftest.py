"""``--slow``: every number of ranks with all kernels and MPIs, which takes minutes."""

import pytest


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether the long series is wanted."""
    return bool(pytestconfig.getoption("--slow"))
