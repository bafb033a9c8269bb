"""The service as an ASGI application: routes, limits, and one line for each request."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon.names import printable
from axon.serve import bodies, openapi
from axon.serve.answers import as_csv, as_json, objects
from axon.serve.refused import Refused
from axon.serve.served import Served, Wishes, served

LINGER = 1.0  # seconds for a body that is too large
WAITING = 256  # requests that wait for a prediction: more are told to come again
GONE = 499  # in the log: whoever asked has gone away
PAGE = Path(__file__).with_name("page.html")


class Limits(NamedTuple):
    """What a request may cost.

    Attributes:
        max_bytes: of a body.
        max_rows: rows in it.
        timeout: seconds for the body to arrive, and again for the answer.
    """

    max_bytes: int = 10_000_000
    max_rows: int = 10_000
    timeout: float = 30.0


class Service:
    """A model, and what answers requests to it.

    Args:
        model: the path of a file, which ``reload`` reads again; or a model.
        limits: of a request.
    """

    def __init__(self, model: Any, limits: Limits) -> None:
        self.model, self.limits = model, limits
        self.served: Served = served(model)
        self.pool = ThreadPoolExecutor(1, "axon-predict")
        self.waiting = 0

    def reload(self) -> None:
        """Read the file again; if that fails, the model stays.

        Raises:
            OSError, ValueError: the file cannot be read, or is none of a model.
        """
        self.served = served(self.model)

    # -------------------------------------------------------------------- operations

    async def health(self, request: Request) -> Response:
        """Whether the process is alive."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether predictions are answered."""
        busy = self.waiting >= WAITING
        return JSONResponse({"status": "busy" if busy else "ready"}, 503 if busy else 200)

    async def about(self, request: Request) -> Response:
        """What the model is and wants."""
        said = {**self.served.about(), "limits": self.limits._asdict()}
        return JSONResponse({**said, "example": openapi.example(self.served)})

    async def document(self, request: Request) -> Response:
        """OpenAPI's description."""
        return JSONResponse(openapi.document(self.served, self.limits._asdict()))

    async def page(self, request: Request) -> Response:
        """A page that lists the operations, and tries them."""
        return HTMLResponse(PAGE.read_text("utf-8"))

    async def predict(self, request: Request) -> Response:
        """Predictions for the rows in the body."""
        asked = _asked(request, self.limits.max_rows)
        raw = await _body(request, self.limits)
        of_type = request.headers.get("content-type", "")
        sent = bodies.Sent(of_type, request.headers.get("content-encoding", ""), raw)
        rows, notes = await self._computed(sent, asked)
        request.scope["axon.rows"] = len(rows)
        if _wants_csv(request, of_type):
            return Response(as_csv(rows), media_type=bodies.CSV)
        return Response(as_json(rows, notes), media_type=bodies.JSON)

    async def _computed(
        self, sent: bodies.Sent, asked: Wishes
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Read and predict beside the loop, one request after another."""
        if self.waiting >= WAITING:
            raise Refused(503, "busy", "Too many requests wait. Try again in a second.")
        self.waiting += 1
        loop, limit = asyncio.get_running_loop(), self.limits.timeout
        try:
            work = loop.run_in_executor(self.pool, self._answered, sent, asked)
            return await asyncio.wait_for(work, limit)
        except TimeoutError:
            raise Refused(
                *(503, "timeout"),
                f"The answer took longer than {limit:g} s. Send fewer rows at once, or start the "
                "server with a larger --timeout.",
            ) from None
        finally:
            self.waiting -= 1

    def _answered(self, sent: bodies.Sent, asked: Wishes) -> tuple[list[dict[str, Any]], list[str]]:
        model, raw = self.served, sent.unpacked(self.limits.max_bytes)
        answers = model.answer(bodies.read(sent.media_type, raw, asked.max_rows), asked)
        return objects(answers, model.meaning), answers.notes


def _asked(request: Request, max_rows: int) -> Wishes:
    """What the address asks for."""
    for name in request.query_params:
        if name not in ("interval", "extra"):
            said = f"Unknown parameter {name!r}; known: interval, extra."
            raise Refused(422, "unknown parameter", said)
    extra, share = request.query_params.get("extra"), request.query_params.get("interval")
    if extra not in (None, "ignore", "refuse"):
        said = f"extra: expected ignore or refuse, got {extra!r}."
        raise Refused(422, "wrong parameter", said)
    try:
        interval = None if share is None else float(share)
        if interval is not None and not 0 < interval < 1:
            raise ValueError
    except ValueError:
        said = f"interval: expected a share between 0 and 1 such as 0.9, got {share!r}."
        raise Refused(422, "wrong parameter", said) from None
    return Wishes(interval, extra == "ignore", max_rows)


async def _body(request: Request, limits: Limits) -> bytes:
    """All of the body, if it is not too large and comes in time."""
    said = request.headers.get("content-length", "")
    try:
        if said.isdecimal() and int(said) > limits.max_bytes:
            await _swallowed(request.stream())
            raise bodies.too_large(limits.max_bytes)
        async with asyncio.timeout(limits.timeout):
            return await _gathered(request, limits)
    except TimeoutError:
        raise Refused(
            408, "too slow", f"The body did not arrive within {limits.timeout:g} s."
        ) from None


async def _gathered(request: Request, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size, stream = 0, request.stream()
    async for part in stream:
        size += len(part)
        if size > limits.max_bytes:
            parts.clear()
            await _swallowed(stream)
            raise bodies.too_large(limits.max_bytes)
        parts.append(part)
    return b"".join(parts)


async def _swallowed(stream: AsyncIterator[bytes]) -> None:
    """Read on for a moment: who is still sending when the connection closes hears no answer."""
    try:
        async with asyncio.timeout(LINGER):
            async for _ in stream:
                pass
    except TimeoutError:
        return


def _wants_csv(request: Request, of_type: str) -> bool:
    """CSV for whoever accepts it alone, or sends it and accepts anything."""
    accepts = request.headers.get("accept", "*/*")
    if bodies.CSV in accepts:
        return True
    return of_type.startswith(bodies.CSV) and "json" not in accepts


# ------------------------------------------------------------------------------------ errors


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    request.scope["axon.error"] = error.message
    done = error.status in (408, 413)  # what is left of the body is not read
    headers = {"Connection": "close"} if done else {}
    headers |= {"Retry-After": "1"} if error.status == 503 else {}
    headers |= {"Accept-Encoding": "gzip"} if error.error == "unknown encoding" else {}
    return JSONResponse(error.content(), error.status, headers)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = "POST /predict; GET /model, /health, /ready, /docs, /openapi.json"
    what = f"{request.method} {request.url.path}"
    said = {"error": str(error.detail).lower(), "message": f"{what} is not there. Known: {known}."}
    return JSONResponse(said, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    request.scope["axon.status"] = GONE
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    """Something that should not have happened: the client hears that, the log hears what."""
    request.scope["axon.error"] = "".join(traceback.format_exception(error))
    said = {"error": "internal error", "message": "The server failed. Its log says where."}
    return JSONResponse(said, 500)


class Logged:
    """An application that tells of each request when it is answered.

    Args:
        app: the application.
        write: is given a line for each request; None: nobody is told.
    """

    def __init__(self, app: ASGIApp, write: Callable[[str], None] | None) -> None:
        self.app, self.write = app, write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell."""
        if scope["type"] != "http" or self.write is None:
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            spent = 1000 * (time.perf_counter() - began)
            self.write(_line(scope, scope.get("axon.status", status), spent))


def _line(scope: Scope, status: int, milliseconds: float) -> str:
    client = (scope.get("client") or ("-",))[0]
    rows = f" {scope['axon.rows']} rows" if "axon.rows" in scope else ""
    error = f" {scope['axon.error']}" if "axon.error" in scope else ""
    clock = time.strftime("%H:%M:%S")
    line = f"{clock} {client} {scope['method']} {scope['path']} {status}{rows}"
    return printable(f"{line} {milliseconds:.1f} ms{error}", keep="\n" if status == 500 else "")


def application(
    service: Service, write: Callable[[str], None] | None = None, begin: Any = None
) -> ASGIApp:
    """The ASGI application of a service.

    Args:
        service: what answers.
        write: is given a line for each request.
        begin: called in the loop before the first request.
    """
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/model", service.about),
        Route("/health", service.health),
        Route("/ready", service.ready),
        Route("/openapi.json", service.document),
        Route("/docs", service.page),
        Route("/", service.page),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        **{Refused: _refused, HTTPException: _unknown, ClientDisconnect: _gone},
        Exception: _failed,
    }
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=_lifespan(service, begin))
    return Logged(app, write)


def _lifespan(service: Service, begin: Any) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        if begin is not None:
            begin(service)
        yield

    return lifespan
