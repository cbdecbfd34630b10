#!/usr/bin/env python3
"""Writes a small image archive of a Debian 12 system with packages that advisories.toml has findings for.

    image.py OUT [--format docker|oci] [--name NAME:TAG] [--dpkg-only]

`docker` is the tar file of `docker save`, `oci` a folder in OCI image layout. Nothing in it can be run: it holds what Trivy
reads, /etc/os-release, dpkg's status and the metadata of a Python package. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
"""
DPKG = [
    # (binary package, version, source package)
    ("base-files", "12.4+deb12u11", ""),
    ("libslipway-fixture-tls3", "3.0.14-1~deb12u2", "slipway-fixture-tls"),
    ("slipway-fixture-shell", "5.2.15-2+b7", "slipway-fixture-shell (5.2.15-2)"),
    ("slipway-fixture-tls", "3.0.14-1~deb12u2", ""),
]
PYTHON_METADATA = "Metadata-Version: 2.1\nName: slipway-fixture-http\nVersion: 2.3.0\nLicense: Apache-2.0\n"
MEDIA = "application/vnd.oci.image"


def _dpkg_status() -> str:
    entries = []
    for package, version, source in DPKG:
        lines = [f"Package: {package}", "Status: install ok installed", "Priority: optional", "Section: libs"]
        lines += ["Maintainer: Nobody <nobody@fixture.invalid>", "Architecture: amd64"]
        lines += [f"Source: {source}"] if source else []
        lines += [f"Version: {version}", "Description: made up for a test"]
        entries.append("\n".join(lines) + "\n")
    return "\n".join(entries)


def layers(dpkg_only: bool) -> list[bytes]:
    """The layers as tar files: the system, and on it the application."""
    system = {"etc/os-release": OS_RELEASE, "etc/debian_version": "12.11\n", "var/lib/dpkg/status": _dpkg_status()}
    packages = "usr/local/lib/python3.11/site-packages"
    application = {f"{packages}/slipway_fixture_http-2.3.0.dist-info/METADATA": PYTHON_METADATA}
    return [_tar(system)] if dpkg_only else [_tar(system), _tar(application)]


def config(layers: list[bytes]) -> bytes:
    return _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"User": "65532:65532", "Entrypoint": ["/app"], "Healthcheck": {"Test": ["CMD", "/app", "health"]}},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "COPY . / # fixture"} for _ in layers],
        }
    )


def write_docker(out: Path, name: str, layers: list[bytes]) -> None:
    described = config(layers)
    files: dict[str, str | bytes] = {f"{_hex(layer)}/layer.tar": layer for layer in layers}
    files[f"{_hex(described)}.json"] = described
    files["manifest.json"] = _json(
        [{"Config": f"{_hex(described)}.json", "RepoTags": [name], "Layers": [f"{_hex(layer)}/layer.tar" for layer in layers]}]
    )
    out.write_bytes(_tar(files))


def write_oci(out: Path, name: str, layers: list[bytes]) -> None:
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def blob(media_type: str, content: bytes) -> dict[str, Any]:
        (blobs / _hex(content)).write_bytes(content)
        return {"mediaType": f"{MEDIA}.{media_type}", "digest": _digest(content), "size": len(content)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": blob("config.v1+json", config(layers)),
        "layers": [blob("layer.v1.tar", layer) for layer in layers],
    }
    entry = blob("manifest.v1+json", _json(manifest)) | {"annotations": {"org.opencontainers.image.ref.name": name}}
    (out / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))
    (out / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def _tar(files: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(content: bytes) -> str:
    return f"sha256:{_hex(content)}"


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--format", choices=["docker", "oci"], default="docker")
    parser.add_argument("--name", default="fixture.invalid/api:1.4.2", metavar="NAME:TAG")
    parser.add_argument("--dpkg-only", action="store_true", help="only the system's layer")
    options = parser.parse_args(arguments)
    write = write_docker if options.format == "docker" else write_oci
    write(options.out, options.name, layers(options.dpkg_only))


if __name__ == "__main__":
    main(sys.argv[1:])
