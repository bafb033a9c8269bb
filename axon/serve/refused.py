"""What is said to whoever asks for something that cannot be answered."""

from collections.abc import Mapping


class Refused(Exception):
    """A request that is not answered, and why.

    Args:
        status: of HTTP.
        error: what is wrong, in a word or two that programs can tell apart.
        message: what happened, what was expected, what arrived, and the way out.
        details: what else a program may want to know, as JSON can hold it.
    """

    def __init__(
        self, status: int, error: str, message: str, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message
        self.details = dict(details or {})

    def content(self) -> dict[str, object]:
        """The body of the answer."""
        return {"error": self.error, "message": self.message, **self.details}
