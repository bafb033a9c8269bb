"""RemoteMonitor, by a server of its own; and checkpoints of which a few are kept."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import numpy as np
import pytest

from axon.callbacks import ModelCheckpoint, RemoteMonitor
from axon.layers import Dense
from axon.models import Sequential

X = np.arange(12.0).reshape(6, 2) / 12
Y = X.sum(1, keepdims=True)


def model():
    net = Sequential([Dense(1)])
    net.compile("mse", "sgd")
    return net


@pytest.fixture
def server():
    """Address of a server, and what it was sent: (path, headers, body)."""
    got = []

    class Noting(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers, body.decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    serving = HTTPServer(("127.0.0.1", 0), Noting)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}", got
    serving.shutdown()
    thread.join()
    serving.server_close()


def test_logs_of_each_epoch_are_sent(server):
    root, got = server
    form = RemoteMonitor(root)
    plain = RemoteMonitor(root, "/here/", headers={"X-Run": "7"}, send_as_json=True)
    history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[form, plain])
    assert [path for path, *_ in got] == ["/publish/epoch/end/", "/here/"] * 2
    for epoch in (0, 1):
        wanted = {"epoch": epoch, "loss": pytest.approx(history.history["loss"][epoch])}
        assert json.loads(parse_qs(got[2 * epoch][2])["data"][0]) == wanted
        assert json.loads(got[2 * epoch + 1][2]) == wanted
    assert got[1][1]["X-Run"] == "7"
    assert got[1][1]["Content-Type"] == "application/json"


def test_training_goes_on_without_a_server():
    with pytest.warns(UserWarning, match=r"127.0.0.1:9/publish/epoch/end/ could not be reached"):
        history = model().fit(X, Y, verbose=0, callbacks=[RemoteMonitor("http://127.0.0.1:9")])
    assert len(history.history["loss"]) == 1
    with pytest.raises(ValueError, match="an address that begins with http://"):
        RemoteMonitor("localhost:9000")


def test_a_few_checkpoints_are_kept(tmp_path):
    net = model()
    kept = ModelCheckpoint(tmp_path / "{epoch}.weights.npz", save_weights_only=True, max_to_keep=2)
    net.fit(X, Y, epochs=4, verbose=0, callbacks=[kept])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["3.weights.npz", "4.weights.npz"]
    same = ModelCheckpoint(tmp_path / "last.weights.npz", save_weights_only=True, max_to_keep=1)
    net.fit(X, Y, epochs=3, verbose=0, callbacks=[same])
    assert (tmp_path / "last.weights.npz").exists()
    with pytest.raises(ValueError, match="max_to_keep"):
        ModelCheckpoint("x.axon", max_to_keep=0)
