#!/usr/bin/env python3
"""Tests the API of a started system: `python3 integration/api.py`.

BACKEND_URL and FRONTEND_URL say where it is (default: what docker-compose.yml publishes).
"""

import json
import os
import sys
import unittest
from typing import Any

from client import BACKEND_URL, FRONTEND_URL, connect, request


def call(base: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = connect(base)
    try:
        return request(connection, method, path, body)
    finally:
        connection.close()


class Backend(unittest.TestCase):
    def get(self, path: str) -> Any:
        status, body = call(BACKEND_URL, "GET", path)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def post(self, path: str, sent: Any, expected: int = 200) -> Any:
        status, body = call(BACKEND_URL, "POST", path, sent)
        self.assertEqual(status, expected, body)
        return json.loads(body)

    def test_it_is_healthy_and_ready(self) -> None:
        self.assertEqual(self.get("/health"), {"status": "ok"})
        self.assertEqual(self.get("/ready"), {"ready": True, "failed": []})
        self.assertEqual(set(self.get("/version")), {"version", "colour"})

    def test_sentiment(self) -> None:
        self.assertEqual(self.post("/api/v1/sentiment", {"text": "record profit"}), {"label": "positive", "score": 1.0})

    def test_forecast(self) -> None:
        self.assertEqual(self.post("/api/v1/forecast", {"series": [1, 2, 3], "horizon": 2}), {"values": [4.0, 5.0]})

    def test_anomaly(self) -> None:
        self.assertEqual(self.post("/api/v1/anomaly", {"amounts": [10, 11, 9, 10, 500]}), {"anomalies": [4]})

    def test_recommendation(self) -> None:
        result = self.post("/api/v1/recommendation", {"holdings": {"shares": 1}})
        self.assertEqual([entry["asset_class"] for entry in result["recommendations"]], ["bonds", "property", "cash"])

    def test_predictions_are_kept(self) -> None:
        # Never asked before, so never answered from the cache, which keeps nothing.
        text = f"a loss, {os.urandom(8).hex()}"
        result = self.post("/api/v1/sentiment", {"text": text})
        latest = self.get("/api/v1/history?limit=1")
        self.assertEqual([entry["result"] for entry in latest], [result])

    def test_wrong_requests_are_refused(self) -> None:
        self.post("/api/v1/forecast", {"series": []}, expected=422)
        self.post("/api/v1/anomaly", {"amounts": "many"}, expected=422)
        self.assertEqual(call(BACKEND_URL, "GET", "/api/v1/sentiment")[0], 405)
        self.assertEqual(call(BACKEND_URL, "GET", "/api/v2/sentiment")[0], 404)

    def test_metrics_count(self) -> None:
        self.get("/version")
        status, body = call(BACKEND_URL, "GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertIn(b'http_requests_total{route="/version",status="200"}', body)


class Frontend(unittest.TestCase):
    def test_page(self) -> None:
        status, body = call(FRONTEND_URL, "GET", "/")
        self.assertEqual(status, 200)
        self.assertIn(b"Financial Intelligence System", body)

    def test_it_hands_the_api_on(self) -> None:
        status, body = call(FRONTEND_URL, "POST", "/api/v1/sentiment", {"text": "weak"})
        self.assertEqual((status, json.loads(body)["label"]), (200, "negative"))

    def test_operations_stay_inside(self) -> None:
        self.assertEqual(call(FRONTEND_URL, "GET", "/metrics")[0], 404)


if __name__ == "__main__":
    print(f"Backend {BACKEND_URL}, front end {FRONTEND_URL}", file=sys.stderr)
    unittest.main(verbosity=2)
