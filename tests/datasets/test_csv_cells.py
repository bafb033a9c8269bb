"""What a cell of a CSV file is: its column decides; labels keep their text; nothing is guessed."""

import io
from typing import Any

import pytest

from axon.datasets import load_csv, read_features

PRICES = [
    "a;b;preis",
    *(f"{i};{i * 7 % 5};{i * 1.37 % 9:.2f}".replace(".", ",") for i in range(60)),
]


def load(text: str, **options: Any) -> Any:
    return load_csv(io.StringIO(text), **options)


def labelled(*labels: object) -> str:
    return "a,label\n" + "".join(f'{i},"{label}"\n' for i, label in enumerate(labels))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["1_1", "1_2", "11"], ("11", "1_1", "1_2")),
        (["10.0", "2.0", "-1.0"], ("-1.0", "2.0", "10.0")),
        (["00501", "501", "01234"], ("00501", "501", "01234")),
        (["1e5", "100000", "5"], ("100000", "1e5", "5")),
        (["٣", "3", "4"], ("3", "4", "٣")),
        (["+1", "-1", "1"], ("-1", "+1", "1")),
        (["0x10", "16"], ("0x10", "16")),
        (["TRUE", "True", "true"], ("TRUE", "True", "true")),
        (["１", "1"], ("1", "１")),
        (["+", "-"], ("+", "-")),
        (["1.10", "1.1", "x", "y"], ("1.1", "1.10", "x", "y")),
        ([" x ", "x", "y"], ("x", "y")),  # white space around a cell does not count
        (["3-4", "1-2", "3-4"], ("1-2", "3-4")),
    ],
)
@pytest.mark.parametrize("task", ["classification", "auto"])
def test_labels_keep_their_text(labels: list[str], names: tuple[str, ...], task: str) -> None:
    table = load(labelled(*labels), task=task)
    assert table.class_names == names
    assert [table.class_names[i] for i in table.y] == [label.strip() for label in labels]


REFUSED = {
    "missing": (["0", "1", "NA"], "line 4, column 'label': expected a label, found 'NA'"),
    "several missing": (["?", "a", "n/a", "a", ""], r"'\?', 'n/a', an empty cell \(3.*2, 4, 6"),
    "NaN": (["a", "nan", "b"], "line 3.*expected a label, found 'nan'"),
    "null": (["a", "None", "b", "NULL"], r"found 'None', 'NULL' \(2 missing.* 3, 5\)"),
    "dash": (["a", "-", "b"], "expected a label, found '-'.*list all classes"),
    "money": (["$787,434", "$1,200", "$300"], r"found '\$787,434' \(.*signs .* 3 of 3"),
    "money again": (["$5", "$10", "$5"], "such as '\\$5': write plain ones"),
    "per cent": (["12 %", "15 %", "12 %"], "signs or separators in 3 of 3 cells, such as '12 %'"),
    "euros": (["12,50 €", "1.299,00 €"], "signs or separators"),
    "thousands": (["1,000", "12,500", "300"], "numbers with a comma in 2 of 3 cells"),
    "spaces": (["1 000", "12 500", "300"], "signs or separators"),
    "few names": ([f"name {i}" for i in range(12)], "12 of 12 occur only once"),
    "names": ([f"name {i}" for i in range(30)], "30 of 30 occur only once, such as 'name 0'"),
    "dates": ([f"2020-01-{i}" for i in range(10, 31)], "21 of 21 occur only once"),
    "ids": (list(range(100, 130)), "30 of 30 occur only once.*task regression"),
    "two ways": (["1.0", "1", "0"], "'1.0' and '1' are the same number"),
    "a point": (["1.", "1", "0"], "'1.' and '1' are the same number"),
    "infinite": (["inf", "1", "2"], "found '?inf"),
    "long": (["9" * 5000, "1"], r"9\.\.\. \(5,000\)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("task", ["classification", "auto"])
def test_what_is_no_label_is_refused(kind: str, task: str) -> None:
    labels, said = REFUSED[kind]
    if (kind, task) == ("long", "auto"):
        said = "found inf"
    with pytest.raises(ValueError, match=said) as error:
        load(labelled(*labels), task=task)
    assert len(str(error.value)) < 400


def test_classes_that_are_named_may_be_anything() -> None:
    table = load(labelled("NA", "EU", "NA"), classes=["EU", "NA"])
    assert table.y.tolist() == [1, 0, 1]
    assert load(labelled("1,5", "2,5"), classes=["1,5", "2,5"], task="auto").y.tolist() == [0, 1]
    for wrong in (["EU", "EU", "NA"], [0, 1]):
        with pytest.raises(ValueError, match="classes: expected the labels as texts, each once"):
            load(labelled("NA", "EU"), classes=wrong)


@pytest.mark.parametrize("task", ["classification", "auto", "regression"])
def test_decimal_commas_are_no_classes(task: str) -> None:
    with pytest.raises(ValueError, match=r"column 'preis': .*comma in 60 of 60 cells.*a point"):
        load("\n".join(PRICES), target="preis", task=task)


def test_codes_with_leading_zeros_are_labels() -> None:
    rows = [f"{i},{i % 30:05}" for i in range(90)]
    table = load("\n".join(["a,zip", *rows]), target="zip", task="auto")
    assert table.class_names[:2] == ("00000", "00001")


@pytest.mark.parametrize("last", ["bad", "NA", "1,5", "1_0"])
def test_one_text_among_many_numbers_is_a_mistake(last: str) -> None:
    rows = [f"{i};{i * 7}" for i in range(30)]
    with pytest.raises(
        ValueError, match=f"line 32, column 't': expected a number.*'{last}'.* 1 of"
    ):
        load("\n".join(["a;t", *rows, f"5;{last}"]), target="t", task="auto")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1_000", "found '1_000'"),
        ("٣", "found '٣'"),
        ("$5", "signs or separators in 1 of 2 cells"),
        ('"1,000"', "numbers with a comma"),
        ("NA", "gaps in 1 of 2 cells: fill them in"),
        ("0x10", "no numbers in 1 of 2 cells"),
        ("１", "found '１'"),
        ("5 kg", "no numbers in 1 of 2 cells, such as '5 kg': leave out the column"),
    ],
)
def test_a_feature_is_a_plain_number(cell: str, said: str) -> None:
    for read in (lambda text: load(text), lambda text: read_features(io.StringIO(text), ["a"])):
        with pytest.raises(ValueError, match=f"line 2, column 'a': expected a number.*{said}"):
            read(f"a,label\n{cell},x\n2,y\n")


def test_different_whole_numbers_stay_different() -> None:
    with pytest.raises(ValueError, match=r"column 'a': whole numbers beyond 2\*\*53"):
        load("a,label\n9007199254740993,x\n9007199254740992,y\n")
    assert load("a,label\n9007199254740992,x\n09007199254740992,y\n").x[0, 0] == 2**53
    assert load("a,label\n1e300,x\n12345678901234567890,y\n").x[0, 0] == 1e300


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("size (cm, net);b;label\n1;2;x\n3;4;y\n", ("size (cm, net)", "b")),
        ('"si;ze",b,label\n1,2,x\n3,4,y\n', ("si;ze", "b")),
        ("a|b|label\n1|2|x\n3|4|y\n", ("a", "b")),
        ("a, b;label\n1;x\n2;y\n", ("a, b",)),
        ('"two\nlines";label\n1;x\n2;y\n', ("two\nlines",)),
        ("a;b\tlabel\n1\tx\n2\ty\n", ("a;b",)),
        ("label,0,1,2\nx,2,3,4\ny,4,5,6\n", ("0", "1", "2")),
        ("a,0.25,0.5,label\n1,2,3,x\n3,4,5,y\n", ("a", "0.25", "0.5")),
    ],
)
def test_what_parts_the_cells(text: str, names: tuple[str, ...]) -> None:
    for newline in ("\n", "\r\n", "\r"):
        table = load(text.replace("\n", newline))
        assert (
            tuple(n.replace("\r\n", "\n").replace("\r", "\n") for n in table.feature_names) == names
        )
        assert table.class_names == ("x", "y")


def test_what_parts_the_cells_of_a_long_file() -> None:
    rows = "".join(f'{i};"{i % 7}";"{"xy"[i % 2]}{" long" * 40}"\n' for i in range(5000))
    table = load(f"size (cm, net, gross, all);b;label\n{rows}")
    assert table.feature_names == ("size (cm, net, gross, all)", "b")


def test_a_comma_in_numbers_and_header_does_not_part_cells() -> None:
    with pytest.raises(ValueError, match="with a decimal point, found '1,5'"):
        load("a, b;label\n1,5;2\n2,5;3\n")


@pytest.mark.parametrize(
    "text",
    [
        "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n7,3.2,4.7,1.4,versicolor\n",
        "63,male\n42,female\n41,male\n",
    ],
)
def test_a_missing_header_is_noticed(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1: expected a header line .* a row of data"):
        load(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="not UTF-8 text"):
        load_csv(io.BytesIO("a,label\n1,x\n2,y\n".encode(encoding)))


def test_names_of_columns_and_cells_cannot_act_on_a_terminal() -> None:
    for text in ("a\x1b[2J,label\nred\u202e,x\n", f"a,label\n{'9' * 999}_,x\n"):
        with pytest.raises(ValueError, match="expected a number") as error:
            load(text)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 500
