"""Server: the page and its data, on this machine alone, by the standard library.

A tab opens a stream, ``POST /stream``, on which pictures come as long as it is open, and sends
commands, ``POST /command``. That needs one answer that goes on, which ``http.server`` can give; a
framework and an event loop would add two packages and nothing that is seen.

Whoever wants anything but the page's own files must know a token, which stands in the address that
is printed; other pages of the browser do not know it, and their requests are refused by ``Host``
and ``Origin``, too.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from hmac import compare_digest
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from secrets import token_urlsafe
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

from axon.play.choices import Chosen, Json, choices
from axon.play.lesson import Lesson
from axon.play.pictures import preview
from axon.play.session import Session, Sessions, TooMany

HOST = "127.0.0.1"
MOST_BYTES = 16_384  # of a request
PATIENCE = 10.0  # seconds that a connection may be silent, or take nothing
CONNECTIONS = 48
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REFUSAL = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>AXON play</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="/static/style.css"><link rel="icon" href="data:,">'
    "<header><h1>AXON play</h1></header><main><section><p>{}</p></section></main></html>"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Declined(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status


class PlayServer(ThreadingHTTPServer):
    """The page of one ``axon play``.

    Args:
        table: the user's own points, if there are any.
        file: where they were read.
        port: where it listens; 0 takes a free one.

    Attributes:
        sessions: one for each tab.
        token: who knows it may ask.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # there, two could listen at the same port

    def __init__(self, table: Lesson | None = None, file: str = "", port: int = 0) -> None:
        self.sessions = Sessions(table, file)
        self.token = token_urlsafe(16)
        self.choices = json.dumps(
            {**choices(_called(table, file)), "previews": preview(table)}, allow_nan=False
        ).encode()
        self.static = {
            path.name: path.read_bytes()
            for path in files("axon.play").joinpath("static").iterdir()
            if path.name.endswith(tuple(TYPES))
        }
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((HOST, port), PlayHandler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """The page."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there are not too many."""
        if not self._free.acquire(blocking=False):
            with suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: "socket | tuple[bytes, socket]", client_address: Any) -> None:
        """A connection that broke is no news."""

    def stop(self) -> None:
        """End all sessions, and listen no longer."""
        self.server_close()
        self.sessions.close_all()


def _called(table: Lesson | None, file: str) -> str | None:
    from pathlib import PurePath

    return None if table is None else PurePath(file).name or "Your table"


class PlayHandler(BaseHTTPRequestHandler):
    """One connection."""

    server: PlayServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "axon", ""
    timeout = PATIENCE

    def setup(self) -> None:
        """Begin without headers: what has none that can be read is answered, too."""
        super().setup()
        self.headers = Message()

    def do_GET(self) -> None:
        """The page, its files, and what can be chosen."""
        with self._words():
            self._demand_here()
            path = urlsplit(self.path).path
            name = "index.html" if path == "/" else path.removeprefix("/static/")
            if path == "/choices":
                self._demand_token(self.headers.get("X-Axon-Token", ""))
                self._answer(HTTPStatus.OK, self.server.choices, "application/json")
            elif name in self.server.static and (path == "/" or path.startswith("/static/")):
                if path == "/":
                    self._demand_token(parse_qs(urlsplit(self.path).query).get("token", [""])[0])
                suffix = name[name.rindex(".") :]
                self._answer(HTTPStatus.OK, self.server.static[name], TYPES[suffix])
            else:
                raise Declined(HTTPStatus.NOT_FOUND, f"there is no {path[:100]!r} here.")

    def do_POST(self) -> None:
        """Commands, and the stream of pictures."""
        with self._words():
            self._demand_here()
            self._demand_token(self.headers.get("X-Axon-Token", ""))
            given = self._body()
            if self.path == "/stream":
                self._stream(given)
            elif self.path == "/command":
                session = self.server.sessions.named(given.get("session"))
                if session is None:
                    raise Declined(HTTPStatus.GONE, "this session is over. Reload the page.")
                self._answer(HTTPStatus.OK, _obeyed(session, given), "application/json")
            else:
                raise Declined(HTTPStatus.NOT_FOUND, f"there is no {self.path[:100]!r} here.")

    # -------------------------------------------------------------------- what is demanded

    def _demand_here(self) -> None:
        """No name that only points here, and no other page."""
        hosts = {f"{name}:{self.server.port}" for name in (HOST, "localhost")}
        if self.headers.get("Host", "") not in hosts:
            raise Declined(HTTPStatus.FORBIDDEN, "the address must be the one that was printed.")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise Declined(HTTPStatus.FORBIDDEN, "another page may not use this one.")

    def _demand_token(self, token: str) -> None:
        if not compare_digest(token.encode(), self.server.token.encode()):
            raise Declined(
                HTTPStatus.FORBIDDEN,
                "this address is not that of the `axon play` that runs now: it was started anew, "
                "or the token is cut off. Open the address that it printed.",
            )

    def _body(self) -> dict[str, Json]:
        """The JSON object that was sent."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Declined(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing.")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise Declined(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {MOST_BYTES:,} bytes."
            )
        try:
            given = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Declined(HTTPStatus.BAD_REQUEST, "the request is no JSON.") from None
        if not isinstance(given, dict):
            raise Declined(HTTPStatus.BAD_REQUEST, "the request is no JSON object.")
        return given

    # -------------------------------------------------------------------- what is answered

    @contextmanager
    def _words(self) -> Iterator[None]:
        """What is wrong with a request is said in words; a connection that broke is left alone."""
        try:
            yield
        except Declined as refused:
            self._refuse(refused.status, str(refused))
        except TooMany as error:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except OSError:
            self.close_connection = True

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        self.close_connection = True  # what was not read would be taken for the next request
        body, of_type = json.dumps({"error": words}).encode(), "application/json"
        if "text/html" in self.headers.get("Accept", ""):  # somebody reads it
            body, of_type = REFUSAL.format(escape(words)).encode(), TYPES[".html"]
        with suppress(OSError):
            self._answer(status, body, of_type)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What ``http.server`` itself refuses."""
        status = HTTPStatus(code)
        self._refuse(status, message or status.phrase)

    def _head(self, status: HTTPStatus, of_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", of_type)
        for name, value in HEADERS.items():
            self.send_header(name, value)

    def _answer(self, status: HTTPStatus, body: bytes, of_type: str) -> None:
        self._head(status, of_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, given: dict[str, Json]) -> None:
        """Send pictures until the tab is closed."""
        settings = Chosen.of(given.get("settings", {}), self.server.sessions.table is not None)
        session = self.server.sessions.open(settings)
        try:
            self.close_connection = True
            self._head(HTTPStatus.OK, "application/octet-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            while not session.closed:
                self.wfile.write(session.take())
        finally:
            self.server.sessions.close(session)

    def log_message(self, format: str, *args: object) -> None:
        """The terminal stays as it is."""


def _obeyed(session: Session, given: dict[str, Json]) -> bytes:
    """What a command is answered; a value that is refused is no fault for a browser's console."""
    try:
        session.order(given)
    except ValueError as error:
        return json.dumps({"error": str(error)}).encode()
    return b"{}"


@contextmanager
def serve(table: Lesson | None = None, file: str = "", port: int = 0) -> Iterator[PlayServer]:
    """A server in a thread of its own, as long as the block lasts.

    Raises:
        OSError: the port is taken.

    >>> with serve() as server:
    ...     server.address.startswith("http://127.0.0.1:")
    True
    """
    server = PlayServer(table, file, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.stop()
        thread.join()
