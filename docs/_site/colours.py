"""Colours of code on light ground, each at least 4.5 to 1 against it."""

from pygments.style import Style
from pygments.token import (
    Comment,
    Error,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
)


class Light(Style):
    """Few colours: what is said, what is called, what is written, what is counted."""

    name = "light"
    background_color = "#f0f0f0"
    styles = {  # noqa: RUF012
        Token: "#22272e",
        Comment: "italic #5a6068",
        Keyword: "#8a1c7c",
        Operator.Word: "#8a1c7c",
        Operator: "#333a44",
        Punctuation: "#333a44",
        Name.Builtin: "#0b5cad",
        Name.Class: "bold #0b5cad",
        Name.Decorator: "#0b5cad",
        Name.Function: "#0b5cad",
        Name.Namespace: "#22272e",
        Name.Tag: "#0b5cad",
        Name.Attribute: "#0b5cad",
        String: "#0a6640",
        Number: "#8a4b00",
        Generic.Prompt: "#5a6068",
        Generic.Output: "#4a4f57",
        Generic.Traceback: "#a3201d",
        Error: "#a3201d",
    }
