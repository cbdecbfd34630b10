#!/usr/bin/env python3
"""A small read-only OCI registry on the loopback, with the vulnerability database and the image of this folder in it.

    registry.py [--age DAYS] [--log FILE]

Prints `127.0.0.1:PORT` and serves until its standard input ends, so that it can't outlive whoever started it.

    trivy image --download-db-only --db-repository 127.0.0.1:PORT/trivy-db:2
    trivy image 127.0.0.1:PORT/fixture/api:1.4.2

Both lie there under any of these prefixes as well, which say how the registry behaves:

    busy/      429 with Retry-After: 1
    broken/    500
    private/   401 without the user `fixture` and the password `fixture-registry-password`
    stalled/   the answer never comes
    cut/       every blob ends in the middle

Anything else is 404. --log writes one line for each request: method, path, `login` or `anonymous`, status.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import generate
import image

USER, PASSWORD = "fixture", "fixture-registry-password"
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PREFIXES = ("busy/", "broken/", "private/", "stalled/", "cut/")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Both from github.com/aquasecurity/trivy: pkg/db/db.go, and the artefacts that it publishes.
DB_CONFIG = "application/vnd.aquasec.trivy.config.v1+json"
DB_LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"


class Content:
    """Blobs by digest, and manifests by repository and tag or digest."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}

    def blob(self, media_type: str, data: bytes, title: str | None = None) -> dict[str, Any]:
        digest = _digest(data)
        self.blobs[digest] = data
        described: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": len(data)}
        return described | ({"annotations": {"org.opencontainers.image.title": title}} if title else {})

    def manifest(self, repository: str, tag: str, config: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        data = json.dumps(content, sort_keys=True).encode()
        for reference in (tag, _digest(data)):
            self.manifests[repository, reference] = data

    def add_database(self, age: str) -> None:
        with tempfile.TemporaryDirectory() as cache:
            generate.main([cache, "--age", age])
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w:gz") as archive:
                for name in ("metadata.json", "trivy.db"):
                    archive.add(Path(cache) / "db" / name, arcname=name)
        layer = self.blob(DB_LAYER, packed.getvalue(), "db.tar.gz")
        self.manifest("trivy-db", "2", self.blob(DB_CONFIG, b"{}"), [layer])

    def add_image(self) -> None:
        layers = image.layers(dpkg_only=False)
        packed = [self.blob(f"{image.MEDIA}.layer.v1.tar+gzip", gzip.compress(layer, mtime=0)) for layer in layers]
        config = self.blob(f"{image.MEDIA}.config.v1+json", image.config(layers))
        self.manifest("fixture/api", "1.4.2", config, packed)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    content: Content
    log: Any
    stopped: threading.Event

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/v2/":
            return self.answer(200, b"{}", "application/json")
        name = path.removeprefix("/v2/")
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")
        if prefix == "stalled/":
            self.stopped.wait()
            self.close_connection = True
            return None
        if prefix == "busy/":
            return self.answer(429, _error("TOOMANYREQUESTS"), "application/json", {"Retry-After": "1"})
        if prefix == "broken/":
            return self.answer(500, _error("UNKNOWN"), "application/json")
        if prefix == "private/" and self.headers["Authorization"] != LOGIN:
            asked = {"WWW-Authenticate": 'Basic realm="fixture"'}
            return self.answer(401, _error("UNAUTHORIZED"), "application/json", asked)
        return self.serve(name.removeprefix(prefix), cut=prefix == "cut/")

    do_HEAD = do_GET

    def serve(self, name: str, cut: bool) -> None:
        repository, kind, reference = (["", *name.rsplit("/", 2)])[-3:]
        if kind == "manifests" and (found := self.content.manifests.get((repository, reference))):
            return self.answer(200, found, MANIFEST, {"Docker-Content-Digest": _digest(found)})
        if kind == "blobs" and (found := self.content.blobs.get(reference)):
            return self.answer(200, found, "application/octet-stream", cut=cut)
        return self.answer(404, _error("NAME_UNKNOWN"), "application/json")

    def answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        self.log.write(f"{self.command} {self.path} {'login' if self.headers['Authorization'] else 'anonymous'} {status}\n")
        self.log.flush()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: Any) -> None:
        pass


def _error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "made up for a test"}]}).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--age", default="0", metavar="DAYS", help="how long ago the database was built (default 0)")
    parser.add_argument("--log", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    Handler.content = Content()
    Handler.content.add_database(options.age)
    Handler.content.add_image()
    Handler.log = options.log.open("a") if options.log else io.StringIO()
    Handler.stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    Handler.stopped.set()
    server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
