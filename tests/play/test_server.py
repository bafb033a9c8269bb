"""The server answers its own page alone, in bounds, and frees what a closed tab held."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import numpy as np
import pytest

from axon.play import Chosen, PlayServer, Session, Sessions, serve
from axon.play import server as module
from axon.play.learner import weights_of
from axon.play.pictures import ALIVE
from axon.play.session import TooMany

COMMAND = b"POST /command HTTP/1.1\r\nHost: HERE\r\nX-Axon-Token: TOKEN\r\n"
SMALL = {"data": "xor", "samples": 20, "layers": [2]}


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.fixture(scope="module")
def server() -> Iterator[PlayServer]:
    with serve() as running:
        yield running


def ask(
    server: PlayServer,
    method: str,
    path: str,
    body: object = None,
    token: str | None = None,
    **headers: str,
) -> tuple[int, bytes, HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    given = {"X-Axon-Token": server.token if token is None else token}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    with closing(connection):
        connection.request(method, path, data, given)
        response = connection.getresponse()
        return response.status, response.read(), response


class Tab:
    """A browser's tab: it opens a stream, and may close it."""

    def __init__(self, server: PlayServer, settings: object) -> None:
        self.server = server
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        given = {"X-Axon-Token": server.token}
        self.connection.request("POST", "/stream", json.dumps({"settings": settings}), given)
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        self.name = self.next("lesson")["session"]

    def next(self, kind: str) -> dict:
        """The head of the next message of this type."""
        while True:
            size = int.from_bytes(self.response.read(4), "little")
            packed = self.response.read(size)
            if size:
                head = json.loads(packed[4 : 4 + int.from_bytes(packed[:4], "little")])
                if head["type"] == kind:
                    return head

    def order(self, do: object, **more: object) -> tuple[int, dict]:
        status, body, _ = ask(
            self.server, "POST", "/command", {"session": self.name, "do": do, **more}
        )
        return status, json.loads(body)

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_a_tab_learns_and_frees_its_thread_when_it_is_closed(server: PlayServer) -> None:
    threads = threading.active_count()
    tab, other = Tab(server, SMALL), Tab(server, {**SMALL, "data": "blobs"})
    assert len(server.sessions) == 2
    assert tab.next("picture")["step"] == 0
    assert tab.order("start", speed="fast") == (200, {})
    steps = [tab.next("picture")["step"] for _ in range(4)]
    assert steps == sorted(steps)
    assert steps[-1] > 20
    assert other.next("picture")["step"] == 0
    assert tab.order("pause") == (200, {})
    session = server.sessions.named(tab.name)
    assert session is not None
    tab.close()
    assert until(lambda: len(server.sessions) == 1)
    assert until(lambda: not session.thread.is_alive())
    status, body, _ = ask(server, "POST", "/command", {"session": tab.name, "do": "start"})
    assert status == 410
    assert b"Reload" in body
    other.close()
    assert until(lambda: not len(server.sessions))
    assert until(lambda: threading.active_count() <= threads + 1)


def test_commands_do_what_they_say(server: PlayServer) -> None:
    tab = Tab(server, SMALL)
    session = server.sessions.named(tab.name)
    assert session is not None
    assert tab.next("picture")["at"] is None
    for number in range(2):
        tab.order("instruction")
        head = tab.next("picture")
        assert head["at"] == number
    tab.order("step")
    head = tab.next("picture")
    assert (head["at"], head["step"]) == (None, 1)
    tab.order("weight", layer=0, row=0, column=1, value=2)
    assert until(lambda: weights_of(session.learner.layers[0])[0][0, 1] == 2)
    program = session.learner.program
    tab.order("settings", settings={**SMALL, "learning_rate": 0.5})
    assert until(lambda: session.learner.settings.learning_rate == 0.5)
    assert session.learner.program is program
    tab.order("settings", settings={**SMALL, "layers": [3, 3]})
    assert [layer["neurons"] for layer in tab.next("lesson")["layers"]] == [3, 3, 1]
    tab.order("reset")
    assert tab.next("lesson")["settings"]["layers"] == [3, 3]
    tab.order("draw", pixels="1" * 1024)
    assert until(lambda: bool(session.drawn.all()))
    for w, _ in map(weights_of, session.learner.layers):
        w[...] = np.nan
    tab.order("start", speed="steps")
    assert "smaller learning rate" in tab.next("trouble")["message"]
    assert until(lambda: not session.running)
    tab.close()


def test_wrong_commands_are_answered_in_words(server: PlayServer) -> None:
    tab = Tab(server, SMALL)
    for do, more, words in [
        ("fly", {}, "expected one of start, pause"),
        (None, {}, "expected one of"),
        ("start", {"speed": "light"}, "speed: expected one of instructions, slow"),
        ("settings", {"settings": {"noise": "much"}}, "noise: expected a number"),
        ("settings", {}, "settings: expected an object, got None"),
        ("weight", {"layer": 0, "row": 0, "column": 0}, "a number for value"),
        ("weight", {"layer": 9, "row": 0, "column": 0, "value": 1}, "layers 0 to 1, got 9"),
        ("weight", {"layer": 0, "row": 0, "column": 0, "value": 10**400}, "finite"),
        ("draw", {"pixels": "2" * 1024}, "each of them 0 or 1"),
        ("draw", {"pixels": 3}, "expected 1024 characters"),
    ]:
        status, answer = tab.order(do, **more)
        assert status == 200  # else the browser's console calls it a failed request
        assert words in answer["error"]
    assert tab.order("step") == (200, {})
    tab.close()


def test_only_the_page_itself_may_ask(server: PlayServer) -> None:
    here = f"127.0.0.1:{server.port}"
    for token, headers, status in [
        ("", {}, 403),
        ("wrong", {}, 403),
        ("é", {}, 403),
        (None, {"Host": f"evil.example:{server.port}"}, 403),
        (None, {"Host": "127.0.0.1:1"}, 403),
        (None, {"Origin": "http://evil.example"}, 403),
        (None, {"Origin": "null"}, 403),
        (None, {"Origin": f"http://{here}"}, 200),
        (None, {"Host": f"localhost:{server.port}"}, 200),
    ]:
        assert ask(server, "GET", "/choices", None, token, **headers)[0] == status
        if status != 200:
            asked = ask(server, "POST", "/stream", {"settings": SMALL}, token, **headers)
            assert asked[0] == status
    assert ask(server, "GET", "/")[0] == 403  # in the address, and nowhere else
    assert ask(server, "GET", f"/?token={server.token}")[0] == 200
    status, body, answer = ask(server, "GET", "/?token=<b>", None, Accept="text/html,*/*")
    assert (status, answer.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert b"it was started anew" in body
    assert b"&lt;b&gt;" in ask(server, "GET", "/<b>", None, Accept="text/html")[1]
    assert until(lambda: not len(server.sessions))  # those of the tests before
    assert server.server_address[0] == "127.0.0.1"


def test_files_are_the_pages_own(server: PlayServer) -> None:
    for name in server.static:
        status, body, response = ask(server, "GET", f"/static/{name}", token="")
        assert status == 200
        assert body == server.static[name]
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    text = b"".join(server.static.values())
    assert b"http://" not in text  # offline: nothing comes from elsewhere
    assert b"https://" not in text
    for path in (
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/",
        "/x",
    ):
        assert ask(server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"[1]", 400),
        (b"[" * 9000, 400),
        (b"\xff\xfe", 400),
        (b"1" * (module.MOST_BYTES + 1), 413),
        (json.dumps({"settings": {"data": "no"}}).encode(), 400),
        (json.dumps({"settings": 3}).encode(), 400),
    ],
)
def test_malformed_bodies(server: PlayServer, raw: bytes, status: int) -> None:
    found, body, response = ask(server, "POST", "/stream", raw)
    assert found == status
    assert json.loads(body)["error"]
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        COMMAND + b"\r\n",
        COMMAND + b"Content-Length: -5\r\n\r\n",
        COMMAND + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_malformed_requests(server: PlayServer, raw: bytes) -> None:
    here = f"127.0.0.1:{server.port}".encode()
    raw = raw.replace(b"HERE", here).replace(b"TOKEN", server.token.encode())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(raw)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b'{"error": "' in answer
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP") or answer.split(b" ", 2)[1][:1] in (b"4", b"5")
    assert ask(server, "GET", "/choices")[0] == 200


def test_who_says_nothing_is_not_waited_for(
    server: PlayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.PlayHandler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"POST /stream HTTP/1.1\r\nHost: ")
        assert connection.recv(100) == b""  # it was closed


def test_who_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.PlayHandler, "timeout", 0.2)
    with serve() as small:
        tab = Tab(small, SMALL)
        monkeypatch.setattr(Session, "take", lambda self: bytes(4_000_000))
        assert until(lambda: not len(small.sessions))
        tab.close()


def test_commands_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(Chosen.of(SMALL))
    monkeypatch.setattr("axon.play.session.WAITING", 0)
    with pytest.raises(ValueError, match="0 commands are waiting already"):
        session.order({"do": "step"})
    session.close()


def test_there_are_not_too_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS", 2)
    with serve() as small:
        silent = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(2)]
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", small.port), timeout=20) as third:
            assert b"503" in third.recv(200)
        for connection in silent:
            connection.close()
        assert until(lambda: ask(small, "GET", "/choices")[0] == 200)


def test_there_are_not_too_many_sessions() -> None:
    sessions = Sessions(most=2)
    settings = Chosen.of(SMALL)
    opened = [sessions.open(settings) for _ in range(2)]
    with pytest.raises(TooMany, match="2 tabs are open already"):
        sessions.open(settings)
    sessions.close(opened[0])
    sessions.open(settings)
    sessions.close_all()
    assert not len(sessions)
    assert not any(session.thread.is_alive() for session in opened)


def test_thirty_pictures_a_second() -> None:
    """Of a small network, on one core of two that are busy: two thirds of it at least."""
    session = Session(Chosen.of(SMALL))
    session.order({"do": "start", "speed": "steps"})
    session.take()
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + 0.5:
        count += session.take() != ALIVE
    session.close()
    assert 4 <= count <= 17


def test_an_end_does_not_wait_for_open_tabs() -> None:
    with serve() as running:
        tab = Tab(running, SMALL)
        tab.order("start", speed="fast")
        session = running.sessions.named(tab.name)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    assert session is not None
    assert not session.thread.is_alive()
    tab.close()
