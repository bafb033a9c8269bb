"""A service under load: 200 requests a second for a minute, malformed ones among them.

    python -m bench.serve [--seconds 60] [--rate 200] [--workers 1] [--kill 20] [--reload 40]

A table estimator is served by ``axon serve`` in processes of its own. Requests begin at fixed
times, whether others are answered or not. Each must be answered as it deserves: good ones with the
prediction that the model makes here, bad ones with the status that names what is wrong. Printed:
what was sent, what came back, how long it took, and the memory of each process, every ten seconds.
``--kill 20`` kills a worker after 20 seconds (SIGKILL), ``--reload 40`` sends SIGHUP after 40.
"""

import argparse
import asyncio
import gzip
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


def form(name: str, content: bytes) -> bytes:
    said = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return whole(said.encode() + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")


def packed(body: bytes) -> bytes:
    return whole(body, "application/json\r\nContent-Encoding: gzip")


def many(rows: int) -> bytes:
    return json.dumps({"rows": [ROW] * rows}).encode()


TABLE = b"size,kind,born\n1.5,a,2024-01-05\n"
# Name -> (what is sent, the status that it deserves, how often of 100).
REQUESTS = {
    "good, a row": (whole(GOOD), 200, 45),
    "good, 50 rows": (whole(many(50)), 200, 10),
    "good, CSV": (whole(TABLE, "text/csv"), 200, 8),
    "good, form": (form("rows.csv", TABLE), 200, 6),
    "good, gzip": (packed(gzip.compress(GOOD)), 200, 6),
    "good, half-closed": (whole(GOOD), 200, 5),
    "broken JSON": (whole(b'{"size": 1.5, "kind"'), 400, 4),
    "NaN": (whole(GOOD.replace(b"1.5", b"NaN")), 400, 3),
    "wrong columns": (whole(b'{"size": 1, "colour": "red"}'), 422, 4),
    "wrong values": (whole(GOOD.replace(b"1.5", b'"big"')), 422, 3),
    "broken form": (form("rows.csv", TABLE).replace(b"x--", b"xyz"), 400, 1),
    "bomb": (packed(gzip.compress(bytes(100 * LIMIT))), 413, 1),
    "deep": (whole(b"[" * 40_000), 400, 1),
    "too large": (whole(b"[" + b"1," * LIMIT + b"1]"), 413, 1),
    "too slow": (head(5_000) + GOOD, 408, 1),
    "bytes": (bytes(range(256)) + b"\r\n\r\n", 400, 1),
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


async def load(port: int, given: argparse.Namespace, server: int, wanted: float) -> dict:
    """Send requests at a rate; what became of each."""
    rate, seconds = given.rate, given.seconds
    rng = random.Random(0)
    names = rng.choices(
        list(REQUESTS), [often for *_, often in REQUESTS.values()], k=int(rate * seconds)
    )
    counts, wrong, times, memory = Counter(), Counter(), [], []
    acts = {given.kill: kill_worker, given.reload: reload}

    async def one(name: str) -> None:
        sent, status, _ = REQUESTS[name]
        began = time.perf_counter()
        found, body = await ask(port, name, sent)
        counts[name] += 1
        if found != status:
            wrong[f"{name}: {found} at {began - start:.0f} s"] += 1
        elif status == 200:
            times.append(time.perf_counter() - began)
            if f"{wanted:.12f}"[:10] not in body.decode():
                wrong[f"{name}: another prediction"] += 1

    start, waiting = time.perf_counter(), set()
    for i, name in enumerate(names):
        await asyncio.sleep(max(0.0, start + i / rate - time.perf_counter()))
        if i % rate == 0 and (act := acts.get(i // rate)):
            print(f"{i // rate} s:", act(server))
        task = asyncio.create_task(one(name))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        if i % (rate * 10) == rate:
            memory.append(resident(server))
    late = time.perf_counter() - start - seconds
    await asyncio.gather(*waiting)
    memory.append(resident(server))
    return {"counts": counts, "wrong": wrong, "times": times, "memory": memory, "late": late}


def kill_worker(server: int) -> str:
    """Kill the last worker."""
    worker = children(server)[-1]
    os.kill(worker, signal.SIGKILL)
    return f"worker {worker} is killed"


def reload(server: int) -> str:
    """Let the model be read again."""
    os.kill(server, signal.SIGHUP)
    return "SIGHUP"


def resident(pid: int) -> str:
    """Megabytes of a process and of each that it started."""
    found = []
    for each in (pid, *children(pid)):
        try:
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
        except OSError:
            continue
        found.append(sum(int(x.split()[1]) for x in lines if x.startswith("VmRSS")) / 1024)
    return "+".join(f"{megabytes:.0f}" for megabytes in found)


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
    parser.add_argument("--kill", type=int, help="Kill a worker after so many seconds.")
    parser.add_argument("--reload", type=int, help="Send SIGHUP after so many seconds.")
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
            found = asyncio.run(load(port, given, server.pid, wanted))
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
    print("memory, MB, of each process:", "  ".join(found["memory"]))
    print(f"sent {found['late']:.2f} s late; server alive at the end: {alive}; ended with {code}")
    if found["wrong"] or not alive or code:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("AXON_NUM_THREADS", "1")
    main()
