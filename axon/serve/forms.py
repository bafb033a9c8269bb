"""multipart/form-data, as browsers and ``curl -F`` send it: fields and files (RFC 7578)."""

from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple

from axon.serve.refused import Refused

FORM = "multipart/form-data"
HEADERS = 8192  # bytes before the content of a part
WRONG = (400, "broken form")


class FormPart(NamedTuple):
    """A part of a form.

    Attributes:
        name: of the field.
        filename: of the file; None where it is none.
        content: what it holds.
    """

    name: str
    filename: str | None
    content: bytes


def parts(content_type: str, raw: bytes, most: int) -> list[FormPart]:
    r"""The parts of a form.

    Args:
        content_type: of the body, which says what stands between parts.
        raw: the body.
        most: parts that there may be.

    Raises:
        Refused: it is broken, or has more parts.

    >>> body = b'--x\r\nContent-Disposition: form-data; name="size"\r\n\r\n1.5\r\n--x--\r\n'
    >>> parts("multipart/form-data; boundary=x", body, 10)
    [FormPart(name='size', filename=None, content=b'1.5')]
    """
    said = Message()
    said["Content-Type"] = content_type
    boundary = said.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise Refused(*WRONG, "The form's Content-Type names no boundary of 1 to 70 letters.")
    mark = b"\r\n--" + boundary.encode()
    first, *pieces = (b"\r\n" + raw).split(mark, most + 2)
    if first not in (b"", b"\r\n") or not pieces:
        raise Refused(*WRONG, f"The form does not begin with its boundary, {boundary!r}.")
    ends = [i for i, piece in enumerate(pieces) if piece.startswith(b"--")]
    if len(pieces) > most + 1:
        raise Refused(413, "too many parts", f"The form has more than {most:,} parts.")
    if not ends:
        raise Refused(*WRONG, "The form is cut off: its last boundary is missing.")
    return [_part(piece, number + 1) for number, piece in enumerate(pieces[: ends[0]])]


def _part(piece: bytes, number: int) -> FormPart:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not blank or len(head) > HEADERS:
        raise Refused(*WRONG, f"Part {number} of the form has no end of its headers.")
    told = BytesHeaderParser().parsebytes(head.lstrip(b" \t\r\n") + b"\r\n\r\n")
    name = told.get_param("name", header="content-disposition")
    if told.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise Refused(*WRONG, f"Part {number} of the form has no name.")
    if told.get("Content-Transfer-Encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise Refused(*WRONG, f"Part {number} of the form is encoded: send it as it is.")
    return FormPart(_utf8(name), _filename(told), content)


def _filename(told: Message) -> str | None:
    """The name of the file; a browser sends an empty one where none was chosen."""
    given = told.get_filename()
    return None if given is None else _utf8(given)


def _utf8(text: str) -> str:
    """A name as it was meant: headers hold its bytes as they are, and browsers send UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
