"""A service under load: 200 requests a second for a minute, malformed ones among them.

    python -m bench.serve [--seconds 60] [--rate 200] [--workers 1]

A table estimator is served by ``axon serve`` in processes of its own. Requests begin at fixed
times, whether others are answered or not. Each must be answered as it deserves: good ones with the
prediction that the model makes here, bad ones with the status that names what is wrong. Printed:
what was sent, what came back, how long it took, and the server's memory.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROW = {"size": 1.5, "kind": "a", "born": "2024-01-05"}
GOOD = json.dumps(ROW).encode()
LIMIT = 50_000  # bytes of a body
SLOW = 1.0  # seconds that the server waits for a body


def head(length: int, of_type: str = "application/json") -> bytes:
    return (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {of_type}\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def whole(body: bytes, of_type: str = "application/json") -> bytes:
    return head(len(body), of_type) + body


def many(rows: int) -> bytes:
    return json.dumps({"rows": [ROW] * rows}).encode()


# Name -> (what is sent, the status that it deserves, how often of 100).
REQUESTS = {
    "good, a row": (whole(GOOD), 200, 55),
    "good, 50 rows": (whole(many(50)), 200, 10),
    "good, CSV": (whole(b"size,kind,born\n1.5,a,2024-01-05\n", "text/csv"), 200, 10),
    "good, half-closed": (whole(GOOD), 200, 5),
    "broken JSON": (whole(b'{"size": 1.5, "kind"'), 400, 4),
    "NaN": (whole(GOOD.replace(b"1.5", b"NaN")), 400, 3),
    "wrong columns": (whole(b'{"size": 1, "colour": "red"}'), 422, 4),
    "wrong values": (whole(GOOD.replace(b"1.5", b'"big"')), 422, 3),
    "too large": (whole(b"[" + b"1," * LIMIT + b"1]"), 413, 1),
    "too slow": (head(5_000) + GOOD, 408, 1),
    "bytes": (bytes(range(256)) + b"\r\n\r\n", 400, 2),
    "leaves early": (head(5_000) + GOOD, 0, 1),
    "unknown type": (whole(GOOD, "text/html"), 415, 1),
}


async def ask(port: int, name: str, sent: bytes) -> tuple[int, bytes]:
    """The status of an answer, 0 for none, and its body."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return -1, b""
    try:
        writer.write(sent)
        await writer.drain()
        if name == "leaves early":
            return 0, b""
        if name == "good, half-closed":
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        answer = b""
    finally:
        writer.close()
    first, _, body = answer.partition(b"\r\n\r\n")
    return int(first.split()[1]) if first else -1, body


async def load(port: int, rate: int, seconds: float, server: int, wanted: float) -> dict:
    """Send requests at a rate; what became of each."""
    rng = random.Random(0)
    names = rng.choices(
        list(REQUESTS), [often for *_, often in REQUESTS.values()], k=int(rate * seconds)
    )
    counts, wrong, times, memory = Counter(), Counter(), [], []

    async def one(name: str) -> None:
        sent, status, _ = REQUESTS[name]
        began = time.perf_counter()
        found, body = await ask(port, name, sent)
        counts[name] += 1
        if found != status:
            wrong[f"{name}: {found}"] += 1
        elif status == 200:
            times.append(time.perf_counter() - began)
            if f"{wanted:.12f}"[:10] not in body.decode():
                wrong[f"{name}: another prediction"] += 1

    began, waiting = time.perf_counter(), set()
    for i, name in enumerate(names):
        await asyncio.sleep(max(0.0, began + i / rate - time.perf_counter()))
        task = asyncio.create_task(one(name))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        if i % (rate * 5) == rate:
            memory.append(resident(server))
    late = time.perf_counter() - began - seconds
    await asyncio.gather(*waiting)
    memory.append(resident(server))
    return {"counts": counts, "wrong": wrong, "times": times, "memory": memory, "late": late}


def resident(pid: int) -> float:
    """Megabytes of a process and those that it started."""
    total = 0.0
    for each in (pid, *children(pid)):
        try:
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
        except OSError:
            continue
        total += next((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmRSS")), 0.0)
    return total


def children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def learned(path: Path) -> float:
    """Write a model; what it says of the row."""
    from axon.tabular import TabularClassifier

    rng = np.random.default_rng(0)
    days = [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(2000)]
    sizes, kinds = rng.normal(size=2000), rng.choice(list("abc"), 2000)
    columns = {"size": sizes.tolist(), "kind": kinds.tolist(), "born": days}
    y = np.where(sizes + (kinds == "a") + rng.normal(size=2000) > 0.5, "yes", "no")
    model = TabularClassifier(random_state=0, time_limit=5).fit(columns, y)
    model.save(path)
    return float(model.predict_proba([ROW])[0].max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--model", type=Path, help="Keep the model there; use it if it is there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.model or Path(folder) / "net.axon"
        if path.exists():
            from axon.tabular import load as load_table

            wanted = float(load_table(path).predict_proba([ROW])[0].max())
        else:
            wanted = learned(path)
        command = [sys.executable, "-m", "axon", "serve", str(path), "--port", "0", "--quiet"]
        command += ["--max-bytes", str(LIMIT), "--timeout", f"{SLOW}s"]
        command += ["--workers", str(given.workers)]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            port = int(server.stderr.readline().split("127.0.0.1:")[1].split()[0])
            wait(port)
            found = asyncio.run(load(port, given.rate, given.seconds, server.pid, wanted))
            alive = server.poll() is None
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=20)
    report(found, given, alive, code)


def wait(port: int) -> None:
    """Until the workers are there."""
    for _ in range(100):
        if asyncio.run(ask(port, "good, a row", REQUESTS["good, a row"][0]))[0] == 200:
            return
        time.sleep(0.2)
    raise SystemExit("the server does not answer")


def report(found: dict, given: argparse.Namespace, alive: bool, code: int) -> None:
    counts, times = found["counts"], np.array(found["times"]) * 1000
    print(f"{sum(counts.values()):,} requests in {given.seconds:g} s, {given.workers} worker(s)")
    for name, count in counts.most_common():
        print(f"  {name:20} {count:6,}  deserves {REQUESTS[name][1] or 'nothing'}")
    print("answered otherwise:", dict(found["wrong"]) or "none")
    p50, p99, most = np.percentile(times, [50, 99, 100])
    print(f"good ones: {len(times):,}; {p50:.1f} ms (median), {p99:.1f} ms (99 %), {most:.0f} most")
    print("memory, MB:", " ".join(f"{m:.0f}" for m in found["memory"]))
    print(f"sent {found['late']:.2f} s late; server alive at the end: {alive}; ended with {code}")
    if found["wrong"] or not alive or code:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("AXON_NUM_THREADS", "1")
    main()
