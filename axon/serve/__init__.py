"""Predictions as a web service (extra ``axon-nn[serve]``: starlette and uvicorn).

``axon serve net.axon`` is a complete one; ``app`` is for services of your own.
"""

from typing import TYPE_CHECKING, Any

from axon.names import need

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def app(
    model: Any,
    *,
    max_bytes: int = 10_000_000,
    max_rows: int = 10_000,
    timeout: float = 30.0,
    log: bool = False,
) -> "ASGIApp":
    """Make an ASGI application that answers with a model: ``uvicorn service:app`` runs it.

    ``POST /predict`` takes JSON or CSV, and images where the model does; ``/model`` says which
    columns it wants, ``/docs`` lets one try. Rows that do not suit are refused, with the reason.

    Args:
        model: the path of an .axon or .onnx file; a Model; or a fitted table estimator.
        max_bytes: of a request's body.
        max_rows: rows that one request may have.
        timeout: seconds for the body to arrive, and again for the answer.
        log: print a line for each request.

    Raises:
        ImportError: starlette is missing.
        OSError, ValueError: the file cannot be read, or is none of a model.
        TypeError: it is no model.

    >>> import axon
    >>> network = axon.Sequential([axon.layers.Dense(2, "softmax")])
    >>> _ = network.build((3,))
    >>> service = app(network)
    """
    need("starlette.applications", "axon.serve needs", "serve")
    from axon.serve.application import Limits, Service, application

    limits = Limits(max_bytes, max_rows, timeout)
    return application(Service(model, limits), print if log else None)
