"""The server of a service: uvicorn, patient with half-closed connections, not with slow ones."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, NamedTuple

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from axon.serve.application import Limits, Service, application

VARIABLE = "AXON_SERVE"  # how workers hear what they serve
HEAD = 10.0  # seconds for the head of a request to arrive
CONNECTIONS = 1024  # at a time, of each worker


class Listening(NamedTuple):
    """What ``run`` needs to know.

    Attributes:
        path: of the model's file.
        host, port: where it listens; port 0 is any that is free.
        workers: processes, each with a model of its own.
        limits: of a request.
        quiet: print no line for each request.
    """

    path: str
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    limits: Limits = Limits()
    quiet: bool = False


class Patient(H11Protocol):
    """HTTP/1.1 that answers who has said all and closed, and drops who does not get to the point.

    uvicorn closes a connection when the other side has closed its half, although that waits for the
    answer; and it waits forever for the rest of a head.
    """

    waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the head of the first request some time."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when a request has begun; wait for the head of the next one."""
        super().data_received(data)
        if self._answering():
            self._stop_waiting()
        elif self.waiting is None and self.conn.trailing_data[0]:
            self._expect()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for an answer that is under way, and only for that one."""
        if self._answering() and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        self.waiting = asyncio.get_running_loop().call_later(HEAD, self._drop)

    def _stop_waiting(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def _drop(self) -> None:
        self.waiting = None
        if not self._answering() and not self.transport.is_closing():
            self.transport.close()


class Quiet(uvicorn.Server):
    """A server that ends without an error when it is told to."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Begin to stop on Ctrl-C and SIGTERM; what is being answered is answered."""
        known = (signal.SIGINT, signal.SIGTERM)
        before = {which: signal.signal(which, self.handle_exit) for which in known}
        try:
            yield
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        OSError: it cannot; the message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(CONNECTIONS)  # who comes from now on waits, and is answered
    except (OSError, OverflowError) as error:
        made.close()
        raise OSError(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}. "
            "Another --port or --host may do."
        ) from None
    made.set_inheritable(True)
    return made


def run(settings: Listening, said: Callable[[str], None]) -> None:
    """Serve until a signal says to stop.

    Args:
        settings: what and where.
        said: is told where it listens.

    Raises:
        OSError: the address is in use, or the model's file cannot be read.
        ValueError: the file is none of a model.
    """
    service = Service(settings.path, settings.limits)  # before anybody can connect
    listening = bound(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    said(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    if settings.workers == 1:
        app = application(service, _writer(settings), _reload_on_hangup)
        Quiet(uvicorn.Config(app, **_options(settings))).run(sockets=[listening])
        return
    del service
    os.environ[VARIABLE] = json.dumps([*settings[:4], *settings.limits, settings.quiet])
    name, workers = "axon.serve.server:worker", settings.workers
    config = uvicorn.Config(name, factory=True, workers=workers, **_options(settings))
    supervisor: Any = Multiprocess
    older = "target" in signature(supervisor).parameters
    target = {"target": uvicorn.Server(config).run} if older else {}
    supervisor(config, sockets=[listening], **target).run()


def worker() -> ASGIApp:
    """The application of one of several workers."""
    path, host, port, workers, *limits, quiet = json.loads(os.environ[VARIABLE])
    settings = Listening(path, host, port, workers, Limits(*limits), quiet)
    return application(Service(path, settings.limits), _writer(settings))


def _options(settings: Listening) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "http": Patient,
        "ws": "none",
        "lifespan": "on",
        "log_level": "critical",
        "access_log": False,
        "server_header": False,
        "backlog": CONNECTIONS,
        "limit_concurrency": CONNECTIONS,
        "timeout_graceful_shutdown": int(settings.limits.timeout) + 1,
    }


def _writer(settings: Listening) -> Callable[[str], None] | None:
    return None if settings.quiet else _write


def _write(line: str) -> None:
    """Print a line; a reader that has gone away does not end the service."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass


def _reload_on_hangup(service: Service) -> None:
    """Read the model again on SIGHUP; one that cannot be read changes nothing."""
    if os.name != "posix":
        return

    def reload() -> None:
        try:
            service.reload()
            _write("The model was read again.")
        except (OSError, ValueError, TypeError) as error:
            _write(f"The model stays: {error}")

    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    except (RuntimeError, ValueError):  # not the main thread
        return
