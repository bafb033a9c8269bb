"""Networks that are built, trained, saved, loaded and forgotten leave no memory behind."""

import gc
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest

import axon
from axon.layers import BatchNormalization, Dense, Dropout
from axon.models import Sequential

CYCLES = """
    import sys

    import numpy as np

    import axon
    from axon.layers import Dense, Dropout
    from axon.models import Sequential

    x, y = np.random.default_rng(0).random((6, 5), np.float32), np.arange(6) % 3

    def cycle(number):
        model = Sequential([Dense(4 + number % 3, "tanh"), Dropout(0.3), Dense(3, "softmax")])
        model.compile("categorical_cross_entropy", ["adam", "sgd"][number % 2], ["accuracy"])
        model.fit(x, y, batch_size=3, verbose=0)
        wanted = model.predict(x)
        model.save(sys.argv[1])
        loaded = axon.load_model(sys.argv[1])
        assert np.array_equal(loaded.predict(x), wanted)

    def resident():
        with open("/proc/self/status") as status:
            (line,) = [line for line in status if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024

    for number in range(60):
        cycle(number)
    before = resident()
    for number in range(200):
        cycle(number)
    print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_200_networks_leave_less_than_2_megabytes(tmp_path):
    run = [sys.executable, "-c", textwrap.dedent(CYCLES), str(tmp_path / "net.axon")]
    grown = int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert grown < 2 * 2**20


def test_a_network_that_is_forgotten_is_gone(tmp_path):
    x, y = np.ones((6, 4)), np.arange(6) % 3
    axon.set_random_seed(0)
    model = Sequential([Dense(4), BatchNormalization(), Dropout(0.5), Dense(3, "softmax")])
    model.compile("categorical_cross_entropy", "adam", ["accuracy"])
    model.fit(x, y, 3, verbose=0)
    model.predict(x)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    loaded.fit(x, y, 3, verbose=0)
    parts = [model, loaded, model.trainer, loaded.optimizer, *model.parameters(), *model.programs]
    alive = [weakref.ref(part) for part in parts]
    del model, loaded, parts
    gc.collect()
    assert [ref() for ref in alive if ref() is not None] == []
