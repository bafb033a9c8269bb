"""What all tests share, unless a test chooses otherwise: NumPy's kernels, on one thread.

Buffers that NumPy takes for a thread would blur what is said of memory. Threads have
``engine/test_threads.py``, compiled kernels ``fast/test_machine.py`` and ``fast/test_kernels.py``.
"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from axon import threads

os.environ.setdefault("AXON_KERNELS", "numpy")
os.environ.setdefault("AXON_NUM_THREADS", "1")

collect_ignore = [
    "fuzz/guard_pages.py",
    "contracts/keras_facts.py",
    "ops/keras_answers.py",
    "convert/keras_files.py",
    "layers/keras_sequences.py",
    "onnx/torch_and_keras_files.py",
]  # programs, which tests run in processes


@pytest.fixture(autouse=True)
def _as_many_threads() -> Iterator[None]:
    """A test that leaves other threads behind is not the fault of those after it."""
    before = threads._settings.number
    yield
    threads._settings.number = before


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--fuzz 5000``: so many random programs (tests/fuzz/test_fuzz.py) instead of a few."""
    parser.addoption("--fuzz", type=int, default=0, help="how many random programs to run")
    parser.addoption("--slow", action="store_true", help="also the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked slow are further cases of what others show; they wait for ``--slow``."""
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run it with --slow"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a run of everything, which files took longest: ``--durations`` has single tests."""
    spent: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                spent[report.nodeid.partition("::")[0]] += report.duration
    if spent.total() > 300:
        terminalreporter.section("files that took longest")
        for name, seconds in spent.most_common(30):
            terminalreporter.write_line(f"{seconds:6.1f} s  {name}")
