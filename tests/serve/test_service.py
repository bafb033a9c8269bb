"""``axon serve``: what is answered, what is refused and how, in this process and in another one."""

import asyncio
import csv
import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs starlette, the extra 'serve'")
pytest.importorskip("uvicorn", reason="needs uvicorn, the extra 'serve'")
pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")
pytest.importorskip("httpx", reason="needs httpx")

import httpx

import axon
from axon import layers, serve, tabular
from axon.serve.application import Limits, Service, application


class Client:
    """Asks an application in this process."""

    def __init__(self, app):
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def ask(self, method, path, **options):
        async def answered():
            async with httpx.AsyncClient(transport=self.transport, base_url="http://x") as client:
                return await client.request(method, path, **options)

        return asyncio.run(answered())

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, **options):
        return self.ask("POST", path, **options)


ROWS = [
    {"size": i / 10, "kind": "ab"[i % 2], "born": f"2024-01-{1 + i % 28:02}"} for i in range(60)
]


@pytest.fixture(scope="module")
def estimators():
    yes = tabular.TabularClassifier("fast", random_state=0)
    yes.fit([{**row, "y": "no" if i < 30 else "yes"} for i, row in enumerate(ROWS)], "y")
    number = tabular.TabularRegressor("fast", random_state=0).fit(ROWS, np.arange(60.0))
    return yes, number


@pytest.fixture(scope="module")
def client(estimators):
    return Client(serve.app(estimators[0], max_rows=100, max_bytes=20_000, timeout=5))


def network(**metadata):
    made = axon.Sequential([layers.Dense(3, "softmax")], name="net")
    made.build((2,))
    made.metadata |= metadata
    return made


# ------------------------------------------------------------------------------------ answers


def test_rows_columns_one_row_and_csv_have_the_same_answers(client, estimators):
    rows = ROWS[5:8]
    wanted = estimators[0].predict_proba(rows)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    bodies = [
        {"json": {"rows": rows}},
        {"json": rows},
        {"json": {name: [row[name] for row in rows] for name in rows[0]}},
        {"json": {"columns": {name: [row[name] for row in rows] for name in rows[0]}}},
        {
            "content": stream.getvalue(),
            "headers": {"Content-Type": "text/csv; charset=utf-8", "Accept": "application/json"},
        },
    ]
    for body in bodies:
        answer = client.post("/predict", **body)
        assert answer.status_code == 200, answer.text
        found = answer.json()["predictions"]
        assert [[p["probabilities"][c] for c in ("no", "yes")] for p in found] == wanted.tolist()
        assert [p["prediction"] for p in found] == estimators[0].predict(rows).tolist()
        assert [p["probability"] for p in found] == wanted.max(axis=1).tolist()
    alone = client.post("/predict", json=rows[0]).json()["predictions"]
    assert alone == found[:1]
    text = client.post("/predict", content=stream.getvalue(), headers={"Content-Type": "text/csv"})
    assert text.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(text.text)))
    assert list(table[0]) == [
        "prediction",
        "probability",
        "probability of no",
        "probability of yes",
    ]
    assert [float(row["probability of yes"]) for row in table] == wanted[:, 1].tolist()


def test_numbers_and_intervals(estimators):
    model = estimators[1]
    client = Client(serve.app(model))
    found = client.post("/predict?interval=0.8", json=ROWS[:2]).json()["predictions"]
    assert [p["prediction"] for p in found] == model.predict(ROWS[:2]).tolist()
    assert [p["interval"] for p in found] == model.predict_interval(ROWS[:2], 0.8).tolist()
    headers = {"Accept": "text/csv"}
    text = client.post("/predict?interval=0.8", json=ROWS[:2], headers=headers).text
    assert text.splitlines()[0] == "prediction,low,high"
    for share in ("2", "x", "nan"):
        answer = client.post(f"/predict?interval={share}", json=ROWS[:2])
        assert answer.status_code == 422
        assert "a share between 0 and 1" in answer.json()["message"]
    answer = client.post("/predict?interval=0.9999", json=ROWS[:2])
    assert answer.status_code == 422
    assert "needs more rows" in answer.json()["message"]


def test_a_network_takes_names_or_samples():
    named = network(feature_names=["a", "b"], class_names=["x", "y", "z"], task="classification")
    x = np.array([[1, 2], [3, 4]], np.float32)
    wanted = named.predict(x)
    client = Client(serve.app(named))
    bodies = ({"x": x.tolist()}, [{"a": 1, "b": 2}, {"b": "4", "a": 3}], {"b": [2, 4], "a": [1, 3]})
    for body in bodies:
        found = client.post("/predict", json=body).json()["predictions"]
        assert np.allclose([[p["probabilities"][c] for c in "xyz"] for p in found], wanted)
    text = client.post("/predict", content="b,a\n2,1\n", headers={"Content-Type": "text/csv"}).text
    assert text.splitlines()[1].split(",")[0] == "xyz"[wanted[0].argmax()]
    for bad, said in (
        ([{"a": 1, "b": None}], "Row 1, column 'b': expected a number, got null"),
        ([{"a": 1, "b": "x"}], "got 'x'"),
        ([{"a": 1}], "Columns missing: 'b'. The model wants 'a', 'b'."),
        ({"x": [[1, 2, 3]]}, "samples of shape (3,); expected (2,)"),
        ({"x": [[1, "b"]]}, "no array of numbers"),
        ({"x": [[1, 2], [3]]}, "no array of numbers"),
    ):
        answer = client.post("/predict", json=bad)
        assert answer.status_code == 422
        assert said in answer.json()["message"]
    nameless = Client(serve.app(network()))
    assert "does not know columns by name" in nameless.post("/predict", json={"a": 1}).text


def test_images(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra 'images'")
    made = axon.Sequential([layers.Flatten(), layers.Dense(2, "softmax")])
    made.build((4, 4, 3))
    client = Client(serve.app(made))
    pixels = np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8)
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, "PNG")
    headers = {"Content-Type": "image/png"}
    answer = client.post("/predict", content=stream.getvalue(), headers=headers)
    wanted = made.predict(pixels[None].astype(np.float32) / 255)[0]
    found = answer.json()["predictions"][0]["probabilities"]
    assert np.allclose(list(found.values()), wanted, atol=1e-6)
    answer = client.post("/predict", content=stream.getvalue()[:60], headers=headers)
    assert answer.status_code == 400
    assert "not a whole image" in answer.json()["message"]
    assert client.get("/model").json()["images"] is True


# ------------------------------------------------------------------------------------ refusals

WRONG = [
    (b"{", "application/json", 400, "no JSON"),
    (b"\xff\xfe\x00", "application/json", 400, "byte 0 is no UTF-8"),
    (b"[" * 100_000, "application/json", 413, "larger than 20,000 bytes"),
    (b"[" * 9_000, "application/json", 400, "JSON"),
    (b'[{"size": NaN, "kind": "a", "born": null}]', "application/json", 400, "null for a gap"),
    (b'[{"size": 1e999, "kind": "a", "born": null}]', "application/json", 422, "infinite"),
    (b'[{"size": [1], "kind": "a", "born": ""}]', "application/json", 422, "got a list"),
    (b"3", "application/json", 422, "another shape"),
    (b"[]", "application/json", 422, "another shape"),
    (b"{}", "application/json", 422, "another shape"),
    (b'{"size": [1, 2], "kind": ["a"], "born": [null]}', "application/json", 422, "equally long"),
    (b'{"size": [1], "kind": "a"}', "application/json", 422, "'kind' is no list"),
    (b'[{"size": 1, "kind": "a"}]', "application/json", 422, "missing: 'born'"),
    (b'{"size":1,"kind":"a","born":null,"age":3}', "application/json", 422, "not known: 'age'"),
    (b'{"size":"big","kind":"a","born":null}', "application/json", 422, "'size' holds numbers"),
    (b'{"size":1,"kind":"a","born":"soon"}', "application/json", 422, "'born' holds dates"),
    (b"\x00\x01\x02\xff" * 50, "text/csv", 422, ""),
    (b"", "text/csv", 400, "empty"),
    (b"size,kind,born\n", "text/csv", 422, "no rows"),
    (b"size,kind,born\n1,a,2024-01-01,5,6\n", "text/csv", 422, ""),
    (b"x", "application/x-www-form-urlencoded", 415, "not known; expected application/json"),
    (b"size,kind,born\n" + b"1,a,\n" * 101, "text/csv", 413, "101 rows; at most 100"),
    (b"[" + b",".join([b'{"size":1}'] * 101) + b"]", "application/json", 413, "101 rows"),
]


@pytest.mark.parametrize(("body", "of_type", "status", "said"), WRONG)
def test_what_is_wrong_is_named(client, body, of_type, status, said):
    answer = client.post("/predict", content=body, headers={"Content-Type": of_type})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) >= {"error", "message"}
    assert said in answer.json()["message"]


def test_columns_are_told_apart_and_ignored_on_request(client):
    row = {"size": 1, "kind": "a", "age": 3, "name": "x"}
    found = client.post("/predict", json=row).json()
    assert (found["missing"], found["extra"]) == (["born"], ["age", "name"])
    assert found["expected"] == ["size", "kind", "born"]
    answer = client.post("/predict?extra=ignore", json={**row, "born": None})
    assert answer.status_code == 200
    assert "ignored: age, name" in answer.json()["notes"][0]
    assert client.post("/predict", json={**ROWS[0], "y": "no"}).status_code == 200  # the target
    answer = client.post("/predict?other=1", json=row)
    assert "Unknown parameter 'other'; known: interval, extra." in answer.text
    answer = client.post("/predict", json={**ROWS[0], "kind": "never seen"})
    assert answer.status_code == 200


def test_addresses_and_methods(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    answer = client.get("/predict")
    assert answer.status_code == 405
    assert "GET /predict is not there. Known: POST /predict" in answer.json()["message"]
    assert client.get("/nothing").status_code == 404


def test_the_model_describes_itself_and_its_example_is_answered(client, estimators):
    found = client.get("/model").json()
    assert [c["name"] for c in found["columns"]] == ["size", "kind", "born"]
    assert [c["kind"] for c in found["columns"]] == ["number", "category", "date"]
    assert found["classes"] == ["no", "yes"]
    assert found["limits"] == {"max_bytes": 20_000, "max_rows": 100, "timeout": 5}
    for model in (*estimators, network(), network(feature_names=["a", "b"])):
        each = Client(serve.app(model))
        example = each.get("/model").json()["example"]
        assert each.post("/predict", json=example).status_code == 200
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    about = client.get("/openapi.json").json()
    assert about["openapi"] == "3.1.0"
    assert set(about["paths"]) == {"/predict", "/model", "/health", "/ready"}
    row = about["components"]["schemas"]["Row"]["properties"]
    assert row["size"]["type"] == ["number", "null"]


def test_a_model_that_fails_or_gives_no_number_is_no_crash(monkeypatch):
    made = network()
    lines = []
    service = Service(made, Limits())
    client = Client(application(service, lines.append))
    monkeypatch.setattr(service.served.network, "predict", lambda x: np.full((len(x), 3), np.nan))
    answer = client.post("/predict", json={"x": [[1, 2]]})
    assert answer.status_code == 422
    assert "no finite number" in answer.json()["message"]
    monkeypatch.setattr(service.served.network, "predict", lambda x: 1 / 0)
    answer = client.post("/predict", json={"x": [[1, 2]]})
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in lines[-1]
    assert " POST /predict 500 " in lines[-1]


def test_an_answer_that_takes_too_long(monkeypatch):
    service = Service(network(), Limits(timeout=0.05))
    slow = service.served.network.predict
    client = Client(application(service))
    monkeypatch.setattr(service.served.network, "predict", lambda x: [time.sleep(0.2), slow(x)][1])
    answer = client.post("/predict", json={"x": [[1, 2]]})
    assert answer.status_code == 503
    assert "longer than 0.05 s" in answer.json()["message"]
    assert answer.headers["retry-after"] == "1"
    time.sleep(0.3)
    monkeypatch.undo()
    service.waiting = 10_000
    assert "Too many requests" in client.post("/predict", json={"x": [[1, 2]]}).text
    assert client.get("/ready").status_code == 503
    service.waiting = 0
    assert client.post("/predict", json={"x": [[1, 2]]}).status_code == 200


def test_what_is_no_model(tmp_path):
    with pytest.raises(TypeError, match="expected the path of a model's file, a Model"):
        serve.app(3)
    (tmp_path / "n.axon").write_text("nothing")
    with pytest.raises(ValueError, match=r"n\.axon"):
        serve.app(tmp_path / "n.axon")
    with pytest.raises(ValueError, match="expected one input of a fixed shape"):
        serve.app(axon.Sequential([layers.Dense(3)]))


# ------------------------------------------------------------------------------------ a process


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server in a process of its own: its port, its process, the model's file."""
    folder = tmp_path_factory.mktemp("serve")
    network(class_names=["a", "b", "c"]).save(folder / "net.axon")
    command = [sys.executable, "-m", "axon", "serve", "net.axon", "--port", "0"]
    options = ["--timeout", "2s", "--max-bytes", "100kB"]
    process = subprocess.Popen([*command, *options], cwd=folder, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    port = int(line.split("http://127.0.0.1:")[1].split()[0])
    yield port, process, folder / "net.axon"
    process.kill()
    process.communicate()


BODY = b'{"x": [[1, 2]]}'


def asked(port, body=BODY, head=b"", shut=False):
    """What a raw request is answered."""
    length = b"Content-Length: %d\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n" + (head or length) + b"\r\n" + body)
        if shut:
            line.shutdown(socket.SHUT_WR)
        else:
            line.settimeout(10)
        found = b""
        while part := line.recv(65536):
            found += part
            if b'"predictions"' in found or b'"message"' in found:
                break
        return found


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_server_from_its_start_to_its_end(server):
    port, process, path = server
    assert b"200 OK" in asked(port)
    assert b"200 OK" in asked(port, shut=True)  # whoever has said all may close
    assert b"408" in asked(port, head=b"Content-Length: 500\r\n")  # and never sends it
    assert b"413" in asked(port, b"x" * 200_000)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(os.urandom(300) + b"\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 400")
    lines = [process.stderr.readline() for _ in range(4)]
    assert "127.0.0.1 POST /predict 200 1 rows " in lines[0]
    assert " 408 " in lines[2]
    before = json.loads(asked(port).split(b"\r\n\r\n")[1])
    process.stderr.readline()
    other = network(class_names=["d", "e", "f"])
    other.save(path)
    process.send_signal(signal.SIGHUP)
    assert "was read again" in process.stderr.readline()
    after = json.loads(asked(port).split(b"\r\n\r\n")[1])
    assert before != after
    assert set(after["predictions"][0]["probabilities"]) == set("def")
    process.stderr.readline()
    path.write_bytes(b"no model")
    process.send_signal(signal.SIGHUP)
    assert "The model stays: " in process.stderr.readline()
    assert b"200 OK" in asked(port)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        line.sendall(BODY)  # what has begun is answered
        assert b"200 OK" in line.recv(65536)
    assert process.wait(timeout=10) == 0


def test_an_address_in_use_and_sizes_that_are_none(tmp_path):
    from tests.cli.commands import fails

    network().save(tmp_path / "n.axon")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = fails("serve", "n.axon", "--port", port, cwd=tmp_path)
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use. Another" in message
    message = fails("serve", "n.axon", "--max-bytes", "much", cwd=tmp_path, code=2)
    assert "expected a size such as 500kB, 10MB or 2GB, got 'much'" in message
    (tmp_path / "m.axon").write_text("nothing")
    assert "m.axon" in fails("serve", "m.axon", cwd=tmp_path)


# ------------------------------------------------------------------------------------ forms, gzip


def form(*parts, boundary="x", end="--"):
    r"""A form as curl writes it; parts are (headers, content)."""
    pieces = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + body for head, body in parts]
    return b"\r\n".join([*pieces, f"--{boundary}{end}\r\n".encode()])


def field(name, content, more=""):
    return f'Content-Disposition: form-data; name="{name}"{more}', content


CSV = b"size,kind,born\r\n1.5,a,2024-01-05\r\n\r\n"
OF_FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def test_a_form_with_a_file_or_with_a_field_for_each_column(client, estimators):
    row = {"size": 1.5, "kind": "a", "born": "2024-01-05"}
    wanted = estimators[0].predict_proba([row]).max()
    files = {"file": ("rows ü.csv", CSV, "application/octet-stream")}
    quoted = field("file", CSV, '; filename="rows.csv"\r\nContent-Type: text/csv')
    fields = {name: (None, str(value)) for name, value in row.items()}
    for body in (
        {"files": files},
        {"content": form(quoted), "headers": OF_FORM},
        {"content": b"\r\n" + form(quoted) + b"epilogue", "headers": OF_FORM},
        {"files": fields},
    ):
        answer = client.post("/predict", **body)
        assert answer.status_code == 200, answer.text
        assert [p["probability"] for p in answer.json()["predictions"]] == [wanted]
    text = client.post("/predict", files=files, headers={"Accept": "text/csv"}).text
    assert text.startswith("prediction,probability")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (form(field("file", b" \n", '; filename="a.csv"')), 400, "'a.csv' of the form is empty"),
        (form(field("file", CSV, '; filename="a.csv"'), end=""), 400, "cut off"),
        (form(field("size", b"1"), field("f", CSV, '; filename="a"')), 422, "one or the other"),
        (form(field("size", b"1"), field("size", b"1")), 422, "has the field 'size' twice"),
        (form(field("size", b"\xff")), 400, "no text in UTF-8"),
        (form(field("file", b"", '; filename=""')), 422, "neither a file nor a field"),
        (form(), 422, "neither a file nor a field"),
        (form(*[field("file", CSV, '; filename="a"')] * 2), 422, "2 files; expected one table"),
        (form(*[field("a", b"1")] * 102), 413, "more than 100 parts"),
        (form(("Content-Type: text/csv", CSV)), 400, "Part 1 of the form has no name"),
        (form(field("a", b"x", "\r\nContent-Transfer-Encoding: base64")), 400, "is encoded"),
        (b"--x\r\nContent-Disposition: form-data", 400, "cut off"),
        (b"--x\r\n" + b"a" * 9000 + b"--x--", 400, "cut off"),
        (b"something", 400, "does not begin with its boundary, 'x'"),
    ],
)
def test_forms_that_are_broken_or_mean_nothing(client, body, status, said):
    answer = client.post("/predict", content=body, headers=OF_FORM)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["message"]


def test_a_form_needs_a_boundary(client):
    for of_type in ("multipart/form-data", f"multipart/form-data; boundary={'x' * 71}"):
        answer = client.post("/predict", content=form(), headers={"Content-Type": of_type})
        assert answer.status_code == 400
        assert "names no boundary of 1 to 70 letters" in answer.json()["message"]


def test_several_images_in_a_form():
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, the extra 'images'")
    model = axon.Sequential([layers.Flatten(), layers.Dense(3, "softmax")])
    model.build((8, 8))
    rng, files, pixels = np.random.default_rng(0), [], []
    for i in range(3):
        pixels.append(rng.integers(0, 256, (8, 8), np.uint8))
        stream = io.BytesIO()
        image.fromarray(pixels[-1]).save(stream, "PNG")
        files.append(("file", (f"{i}.png", stream.getvalue(), "image/png")))
    client = Client(serve.app(model))
    found = client.post("/predict", files=files).json()["predictions"]
    wanted = model.predict(np.stack(pixels).astype("f4") / 255)
    np.testing.assert_allclose([list(p["probabilities"].values()) for p in found], wanted)
    files.append(("file", ("broken.png", files[0][1][1][:30], "image/png")))
    answer = client.post("/predict", files=files)
    assert answer.status_code == 400
    assert "broken.png" in answer.json()["message"]


def test_a_body_that_gzip_packed(client, estimators):
    wanted = client.post("/predict", json=ROWS[:3]).json()
    packed = gzip.compress(json.dumps(ROWS[:1]).encode()[:-1] + b",")
    packed += gzip.compress(json.dumps(ROWS[1:3]).encode()[1:])  # two members
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post("/predict", content=packed, headers=headers)
    assert answer.json() == wanted
    for body, status, said in (
        (gzip.compress(b"[" + b"1," * 50_000), 413, "larger than 20,000 bytes when it is unpacked"),
        (packed[:-9], 400, "not what gzip packs"),
        (packed[:-4] + b"abcd", 400, "not what gzip packs"),
        (b"{}", 400, "not what gzip packs"),
        (b"", 400, "no JSON"),
    ):
        answer = client.post("/predict", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert said in answer.json()["message"]
    answer = client.post("/predict", content=b"x", headers={**headers, "Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")
