#!/usr/bin/env python3
"""A small measurement of a started system: `python3 integration/performance.py`.

Sends requests from several clients at once, prints how long they took, and exits 1 where one failed or the slowest 5 in 100
took longer than the budget. It catches a change that makes the system several times slower; it is no benchmark.

Settings (environment): BACKEND_URL, REQUESTS (default 1000), CLIENTS (8), P95_MILLISECONDS (250).
"""

import http.client
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from client import BACKEND_URL, connect, request

REQUESTS = int(os.environ.get("REQUESTS") or 1000)
CLIENTS = int(os.environ.get("CLIENTS") or 8)
BUDGET = float(os.environ.get("P95_MILLISECONDS") or 250)
WARM_UP = 20


def call(index: int) -> tuple[str, Any]:
    """Path and body of request number `index`. Two in three are new, so that not the cache alone is measured."""
    seed = index if index % 3 else 0
    calls: list[tuple[str, Any]] = [
        ("/api/v1/sentiment", {"text": f"growth beats a weak year {seed}"}),
        ("/api/v1/forecast", {"series": list(range(seed, seed + 100)), "horizon": 30}),
        ("/api/v1/anomaly", {"amounts": [*range(seed, seed + 100), 50_000]}),
        ("/api/v1/recommendation", {"holdings": {"shares": 70 + seed, "cash": 30}}),
    ]
    return calls[index % len(calls)]


def one_client(number: int) -> tuple[list[float], list[str]]:
    """This client's share of the requests, on one connection: milliseconds of each, and what failed."""
    times: list[float] = []
    failures: list[str] = []
    connection = connect(BACKEND_URL)
    for index in range(number, REQUESTS, CLIENTS):
        path, body = call(index)
        start = time.perf_counter()
        try:
            status, _ = request(connection, "POST", path, body)
            if status != 200:
                failures.append(f"{path}: status {status}")
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{path}: {type(error).__name__}: {error}")
            connection.close()
        times.append((time.perf_counter() - start) * 1000)
    connection.close()
    return times, failures


def main() -> int:
    connection = connect(BACKEND_URL)
    try:
        for index in range(WARM_UP):
            request(connection, "POST", *call(index))
    except (OSError, http.client.HTTPException) as error:
        print(f"{BACKEND_URL} does not answer: {error}", file=sys.stderr)
        return 1
    connection.close()

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        results = list(clients.map(one_client, range(CLIENTS)))
    seconds = time.perf_counter() - start
    times = sorted(time for share, _ in results for time in share)
    failures = [failure for _, share in results for failure in share]

    def percentile(percent: int) -> float:
        return times[min(len(times) - 1, len(times) * percent // 100)]

    print(f"{len(times)} requests, {CLIENTS} clients: {len(times) / seconds:.0f} a second, {len(failures)} failed")
    print(f"milliseconds: p50 {percentile(50):.1f}, p95 {percentile(95):.1f}, p99 {percentile(99):.1f}, longest {times[-1]:.1f}")
    for failure in failures[:10]:
        print(failure, file=sys.stderr)
    if percentile(95) > BUDGET:
        print(f"p95 is above the budget of {BUDGET:.0f} ms", file=sys.stderr)
    return 1 if failures or percentile(95) > BUDGET else 0


if __name__ == "__main__":
    sys.exit(main())
