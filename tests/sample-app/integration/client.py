"""A small HTTP client for the tests of a started system, on Python's standard library alone."""

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

BACKEND_URL = os.environ.get("BACKEND_URL") or "http://127.0.0.1:8000"
FRONTEND_URL = os.environ.get("FRONTEND_URL") or "http://127.0.0.1:8080"
TIMEOUT = 10


def connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=TIMEOUT)


def request(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Sends one request and reads the whole answer, so that the connection can be used again."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
    response = connection.getresponse()
    return response.status, response.read()
