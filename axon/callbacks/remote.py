"""RemoteMonitor: each epoch's logs, sent to a server."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from axon.callbacks.base import Callback, Logs
from axon.checks import demand

SECONDS = 10.0  # that a server has to answer


class RemoteMonitor(Callback):
    """Send the logs of each epoch to a server, as JSON by HTTP POST.

    Training goes on where the server cannot be reached, with a warning. Python's own client does
    it, so that nothing has to be installed.

    Args:
        root: the address of the server, http or https.
        path: to which part of it logs are sent.
        field: of the form that holds the JSON, unless ``send_as_json``.
        headers: further headers of the request.
        send_as_json: the body is JSON instead of a form.

    >>> RemoteMonitor("http://localhost:8000").url
    'http://localhost:8000/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        http = isinstance(root, str) and root.startswith(("http://", "https://"))
        demand(http, "RemoteMonitor", "root", "an address that begins with http://", root)
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = dict(headers or {}), send_as_json

    @property
    def url(self) -> str:
        """Where logs are sent to."""
        return self.root + self.path

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send epoch and logs; one number of an array's kind as that number."""
        from urllib.error import URLError  # imported where used: few runs send anything
        from urllib.request import Request, urlopen

        body, media_type = self._body({"epoch": epoch, **(logs or {})})
        headers = {"Content-Type": media_type, **self.headers}
        request = Request(self.url, body, headers, method="POST")
        try:
            with urlopen(request, timeout=SECONDS):
                pass
        except (URLError, OSError) as error:
            warnings.warn(
                f"RemoteMonitor: {self.url} could not be reached ({error}); training goes on.",
                stacklevel=2,
            )

    def _body(self, told: dict[str, Any]) -> tuple[bytes, str]:
        from urllib.parse import urlencode

        plain = {
            k: v.item() if isinstance(v, np.ndarray | np.generic) else v for k, v in told.items()
        }
        text = json.dumps(plain)
        if self.send_as_json:
            return text.encode(), "application/json"
        return urlencode({self.field: text}).encode(), "application/x-www-form-urlencoded"
