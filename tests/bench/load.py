"""`python -m tests.bench.load`: a bounded load on one URL, from a process of its own.

Plain sockets: a client library would be slower than the server that it is to measure.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import urlsplit


async def load(
    url: str, body: bytes, clients: int, requests: int, seconds: float
) -> dict[str, object]:
    """What came back, after `requests` answers or that many seconds, whichever is first.

    Keys: answers, failed (with the first failure), seconds, p50 and p99 (of one answer, in
    seconds) and models (answers by deployedModelId).
    """
    parts = urlsplit(url)
    message = request(url, body)
    took: list[float] = []
    models: Counter[str] = Counter()
    failures: list[str] = []
    left = requests
    begin = time.perf_counter()

    async def client() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while left > 0 and time.perf_counter() - begin < seconds:
                left -= 1
                start = time.perf_counter()
                writer.write(message)
                status, answer = await read(reader)
                took.append(time.perf_counter() - start)
                if status != 200:
                    failures.append(f"{status}: {answer.decode()}")
                else:
                    models[json.loads(answer).get("deployedModelId", "")] += 1
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    whole = time.perf_counter() - begin
    took.sort()
    return {
        "answers": len(took),
        "failed": len(failures),
        "first_failure": failures[0] if failures else "",
        "seconds": whole,
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "models": models,
    }


def request(url: str, body: bytes) -> bytes:
    """The bytes of one call."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(one[15:]) for one in lines if one.startswith(b"content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


def main() -> None:
    """One load, its result as one line of JSON; the body is read from stdin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    body = sys.stdin.buffer.read()
    result = load(options.url, body, options.clients, options.requests, options.seconds)
    print(json.dumps(asyncio.run(result)))


if __name__ == "__main__":
    main()
