"""Counts for Prometheus, in its text format."""

import threading
from collections import Counter

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper ends of the duration buckets, in seconds."""


class Metrics:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: Counter[tuple[str, int]] = Counter()
        self.buckets: Counter[float] = Counter()
        self.seconds = 0.0

    def observe(self, route: str, status: int, seconds: float) -> None:
        with self.lock:
            self.requests[route, status] += 1
            self.seconds += seconds
            for bound in BOUNDS:
                self.buckets[bound] += seconds <= bound

    def render(self) -> str:
        with self.lock:
            lines = ["# TYPE http_requests_total counter"]
            for (route, status), count in sorted(self.requests.items()):
                lines.append(f'http_requests_total{{route="{route}",status="{status}"}} {count}')
            total = self.requests.total()
            lines.append("# TYPE http_request_duration_seconds histogram")
            lines += [f'http_request_duration_seconds_bucket{{le="{bound}"}} {self.buckets[bound]}' for bound in BOUNDS]
            lines.append(f'http_request_duration_seconds_bucket{{le="+Inf"}} {total}')
            lines.append(f"http_request_duration_seconds_sum {self.seconds:.6f}")
            lines.append(f"http_request_duration_seconds_count {total}")
        return "\n".join(lines) + "\n"
