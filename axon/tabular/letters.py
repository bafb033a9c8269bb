"""How the letters of a file are written: said, or found out; in any case UTF-8 comes out."""

from codecs import lookup

from axon.names import suggestion

STRANGE = {  # files that hold no such cells, by their first bytes
    b"PK\x03\x04": "an Excel workbook or a zip file. Save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an Excel workbook. Save the sheet as CSV",
    b"PAR1": "a Parquet file. Call it .parquet",
    b"SQLite format 3": "a database. Write the table to a CSV file",
    b"<!doctype": "a web page. Download the table itself",
    b"<html": "a web page. Download the table itself",
    b"<?xml": "XML. Write the table to a CSV file",
    b'{"': "JSON. Load it, and give a list of dicts or a dict of columns",
    b"[{": "JSON. Load it, and give a list of dicts",
}
USUAL = ["utf-8", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "shift_jis", "gbk", "big5"]
NEWLINE, MARK = b"\n", b"\xef\xbb\xbf"  # the mark is that of UTF-8


def decoded(raw: bytes, name: str, said: list[str], told: str | None = None) -> bytes:
    """Text in UTF-8, without a mark: it was UTF-16, by its mark or its zeros, or Windows-1252.

    Args:
        raw: the file.
        name: for messages.
        said: is given a sentence where an encoding was guessed.
        told: the encoding that it has.
    """
    start = raw[:200].lstrip().lower()
    strange = next((what for sign, what in STRANGE.items() if start.startswith(sign.lower())), "")
    text = _guessed(raw, said) if told is None or strange else _as_told(raw, name, told)
    plain = raw.removeprefix(MARK)
    if told is not None and text != plain and not raw.isascii() and _encoding(raw) == "utf-8":
        said.append(f"{name!r} looks like UTF-8; it was read as {told}, as was said.")
    if strange or b"\0" in text:
        strange = strange or "bytes that are no text"
        raise ValueError(f"table: {name!r} does not hold cells, but {strange}.")
    return text.removeprefix(MARK)


def _guessed(raw: bytes, said: list[str]) -> bytes:
    """Text in UTF-8, of a file that does not say how it is written."""
    encoding = _encoding(raw)
    try:
        text = raw if encoding == "utf-8" else raw.decode(encoding).encode()
    except UnicodeDecodeError:
        text, encoding = raw.decode("latin-1").encode(), "latin-1"
    if encoding in ("cp1252", "latin-1"):
        said.append(
            "The file is not UTF-8; it was read as Windows-1252 (Latin-1). Where letters are "
            "wrong now, say its encoding, or save it as UTF-8."
        )
    return text


def _as_told(raw: bytes, name: str, encoding: str) -> bytes:
    """Text of a known encoding, in UTF-8.

    Raises:
        ValueError: there is no such encoding, or the file has another one.
    """
    try:
        if getattr(lookup(encoding), "_is_text_encoding", True):
            return raw.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise ValueError(
            f"table: {name!r} is not written in {encoding}: {error}. The byte is in line "
            f"{raw.count(NEWLINE, 0, at) + 1}. Say another encoding, or none: then it is found out."
        ) from None
    except LookupError:
        pass
    hint = suggestion(encoding.lower(), USUAL)
    raise ValueError(
        f"table: there is no encoding {encoding!r}.{hint} Usual ones are {', '.join(USUAL)}."
    )


def _encoding(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    start = raw[:1000]
    if start.count(0) > len(start) // 4:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
