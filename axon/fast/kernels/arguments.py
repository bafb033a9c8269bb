"""What kernels call their arguments, and how they are handed over: as words of 64 bits.

A kernel is a function with named, annotated arguments. A rule's call gives them by name
(``axon/fast/rules/calls.py``); they lie in memory in the order of the kernel's own head, and what
reads them is made of that head, so nobody counts words. Several that belong together are a group, a
``NamedTuple`` of words:

    @kernel
    def sgd_update(rows: int, w: Floats, g: Floats, rate: Float) -> None: ...

``rows``, how many rows are to be done, and ``first``, whether they are the first of their piece
(sums begin at 0 then), are told by the loop that runs a program, and are in no call.
"""

import ast
from collections.abc import Callable, Iterator
from inspect import getsource
from textwrap import dedent
from typing import Annotated, Any, NamedTuple, get_args

import numpy as np

from axon.backend import Array
from axon.fast.kernels.intrinsics import bytes_, doubles, floats, ints, unsigned, words

TOLD = {"rows": "_w[0]", "first": "_w[1] != 0"}  # by the loop (axon/fast/loops.py)
FAR = 1 << 40  # numbers: an array that begins at an address, and ends where its kernel knows


class Form(NamedTuple):
    """How an argument is handed over.

    Attributes:
        said: what it is, in messages.
        read: Python that reads it, from its word ``{word}`` or from where that lies, ``{place}``.
        memory: whether it is the address of some memory.
        dtypes: which types the numbers in that memory may have; any, if none is named.
        optional: whether there may be no such memory: then the address is 0.
        bits: how ``struct`` packs a number, and how it reads these bits as an integer.
        types: what such a number may be in Python.
    """

    said: str
    read: str = "{word}"
    memory: bool = False
    dtypes: str = ""
    optional: bool = False
    bits: tuple[str, str] = ("<q", "<q")
    types: tuple[type, ...] = (int, np.integer)


NUMBERS = (int, float, np.integer, np.floating)
INTEGER = Form("an integer")
TRUTH = Form("True or False", "{word} != 0", types=(bool, np.bool_))
SHORT = Form("a number", "_floats({place}, 1)[0]", bits=("<f", "<i"), types=NUMBERS)
LONG = Form("a number", "_doubles({place}, 1)[0]", bits=("<d", "<q"), types=NUMBERS)
Real = Annotated[float, SHORT]
LongReal = Annotated[float, LONG]
Address = Annotated[Any, Form("a place (At)", memory=True)]
OptionalAddress = Annotated[Any, Form("a place (At) or None", memory=True, optional=True)]
Float = Annotated[float, Form("the place of a float32", "_floats({word}, 1)[0]", True, "f4")]
Double = Annotated[float, Form("the place of a float64", "_doubles({word}, 1)[0]", True, "f8")]
Floats = Annotated[Array, Form("the place of float32 numbers", "_floats({word}, _FAR)", True, "f4")]
Doubles = Annotated[Array, Form("the place of float64s", "_doubles({word}, _FAR)", True, "f8")]
Integers = Annotated[Array, Form("the place of int64s", "_words({word}, _FAR)", True, "i8")]
HELPERS = {"_floats": floats, "_doubles": doubles, "_words": words, "_FAR": FAR}
ARRAYS = {  # by dtype: what makes an array at an address, and the bytes of a number
    "f4": (floats, 4),
    "f8": (doubles, 8),
    "i8": (words, 8),
    "i4": (ints, 4),
    "u4": (unsigned, 4),
    "u1": (bytes_, 1),
    "b1": (bytes_, 1),
}


class Argument(NamedTuple):
    """A word that a kernel is called with; its name is ``loops.inner`` if it is in a group."""

    name: str
    form: Form


class CompiledKernel:
    """A kernel: what does the work, and what its arguments are called.

    Args:
        name: by which rules call it.
        function: its arguments are annotated by the forms above.
        given: what its first arguments always are, such as the function of each number.
    """

    def __init__(
        self, name: str, function: Callable[..., None], given: tuple[Any, ...] = ()
    ) -> None:
        self.name, self.function, self.given = name, function, given
        code = function.__code__
        names = code.co_varnames[len(given) : code.co_argcount]
        self.parameters = {n: function.__annotations__[n] for n in names}
        self.names = [n for n in names if n not in TOLD]
        self.arguments = [a for n in self.names for a in _words_of(n, self.parameters[n])]

    def position(self, name: str) -> int:
        """Which word has this name."""
        return [a.name for a in self.arguments].index(name)

    def matched(self, given: dict[str, Any]) -> Iterator[tuple[Argument, Any]]:
        """What each word is, in their order, and what a call gives for it.

        Raises:
            TypeError: the call has other names than the kernel.
        """
        if given.keys() != set(self.names):
            raise TypeError(self._wrong_names(given))
        for name in self.names:
            words, value = _words_of(name, self.parameters[name]), given[name]
            if _is_group(self.parameters[name]):
                if type(value) is not self.parameters[name]:
                    raise self.wrong(name, f"a {self.parameters[name].__name__}", value)
                yield from zip(words, value, strict=True)
            else:
                yield words[0], value

    def _wrong_names(self, given: dict[str, Any]) -> str:
        missing = [f"is not given {n!r}" for n in self.names if n not in given]
        unknown = [f"has no argument {n!r}" for n in given if n not in self.names]
        wrong = " and ".join(missing + unknown)
        return f"kernel {self.name!r} {wrong}; its arguments are {', '.join(self.names)}."

    def wrong(self, name: str, expected: str, got: object) -> TypeError:
        """The error for an argument that does not suit."""
        return TypeError(f"kernel {self.name!r}, {name!r}: expected {expected}, got {got!r}.")

    def entry(self) -> Callable[[int], None]:
        """The function of one address that is compiled: what reads the words, then the kernel.

        It is the kernel's own text with another head, in the name of its file: by the age of that
        file Numba tells whether machine code that it has kept is still good.
        """
        tree = ast.parse(dedent(getsource(self.function)))
        head, line = tree.body[0], self.function.__code__.co_firstlineno
        assert isinstance(head, ast.FunctionDef)
        first = ast.parse(f"def {self.name}(address):\n    " + "\n    ".join(self._reads())).body[0]
        assert isinstance(first, ast.FunctionDef)
        ast.increment_lineno(tree, line - 1)
        for node in ast.walk(first):
            vars(node).update(lineno=line, end_lineno=line)
        first.body += head.body
        tree.body = [first]
        groups = {f"_{a.__name__}": a for a in self.parameters.values() if _is_group(a)}
        given = dict(zip(self.function.__code__.co_varnames, self.given, strict=False))
        names = {**self.function.__globals__, **HELPERS, **groups, **given}
        exec(compile(tree, self.function.__code__.co_filename, "exec"), names)
        found: Callable[[int], None] = names[self.name]
        return found

    def _reads(self) -> list[str]:
        """What gives each parameter its value."""
        lines, number = [f"_w = _words(address, {2 + len(self.arguments)})"], 2
        for name, annotation in self.parameters.items():
            if name in TOLD:
                lines.append(f"{name} = {TOLD[name]}")
                continue
            words = _words_of(name, annotation)
            read = ", ".join(_read(a.form, number + k) for k, a in enumerate(words))
            group = f"_{annotation.__name__}({read})" if _is_group(annotation) else read
            lines.append(f"{name} = {group}")
            number += len(words)
        return lines


def _read(form: Form, number: int) -> str:
    return form.read.format(word=f"_w[{number}]", place=f"address + {8 * number}")


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def _words_of(name: str, annotation: Any) -> list[Argument]:
    """The words of one argument: several if it is a group."""
    if _is_group(annotation):
        fields = annotation.__annotations__.items()
        return [Argument(f"{name}.{field}", _form(form)) for field, form in fields]
    return [Argument(name, _form(annotation))]


def _form(annotation: Any) -> Form:
    if annotation is int or annotation is bool:
        return INTEGER if annotation is int else TRUTH
    form = get_args(annotation)[1]
    assert isinstance(form, Form)
    return form
