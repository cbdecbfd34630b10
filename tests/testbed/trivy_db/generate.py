#!/usr/bin/env python3
"""Writes a vulnerability database that Trivy takes, from the advisories in advisories.toml.

    generate.py CACHE_DIRECTORY [--age DAYS] [--fault FAULT] [--advisories FILE]

Afterwards `trivy --cache-dir CACHE_DIRECTORY --skip-db-update …` works without a network. Files: db/trivy.db (bbolt) and
db/metadata.json, schema 2 of github.com/aquasecurity/trivy-db (pkg/db, pkg/types, pkg/metadata). Needs Python 3.11, no packages.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bbolt

SCHEMA = 2
SEVERITIES = ["unknown", "low", "medium", "high", "critical"]
STATUSES = [
    "unknown",
    "not_affected",
    "affected",
    "fixed",
    "under_investigation",
    "will_not_fix",
    "fix_deferred",
    "end_of_life",
]
"""Both are kept as numbers: the place in the list."""
SOURCES = {
    "pip": ("pip::GitHub Security Advisory pip", "ghsa", "GitHub Security Advisory pip"),
    "npm": ("npm::GitHub Security Advisory npm", "ghsa", "GitHub Security Advisory npm"),
    "debian 12": ("debian 12", "debian", "Debian Security Tracker"),
    "debian 13": ("debian 13", "debian", "Debian Security Tracker"),
}
"""The bucket of each ecosystem; id and name of the data source that Trivy reports for it."""
FAULTS = {
    "no-advisories": "valid, but it knows no advisory at all",
    "truncated": "trivy.db ends in the middle",
    "empty-file": "trivy.db has no bytes",
    "garbage": "trivy.db is not a bbolt file",
    "no-database": "metadata.json without trivy.db",
    "no-metadata": "trivy.db without metadata.json",
    "bad-metadata": "metadata.json ends in the middle",
    "newer-schema": f"metadata.json says schema {SCHEMA + 1}",
}


def database(advisories: list[dict[str, Any]]) -> dict[bytes, Any]:
    """The buckets of trivy.db: details by id, data sources by bucket, and advisories by bucket, package and id."""
    root: dict[bytes, Any] = {b"vulnerability": {}, b"data-source": {}}
    for advisory in advisories:
        root[b"vulnerability"][advisory["id"].encode()] = _json(_details(advisory))
        for affected in advisory["affects"]:
            bucket, source, name = SOURCES[affected["ecosystem"]]
            root[b"data-source"][bucket.encode()] = _json({"ID": source, "Name": name, "URL": "https://fixture.invalid"})
            packages = root.setdefault(bucket.encode(), {})
            package = packages.setdefault(affected["package"].encode(), {})
            package[advisory["id"].encode()] = _json(_advisory(affected))
    return root


def _details(advisory: dict[str, Any]) -> dict[str, Any]:
    severity = {source: SEVERITIES.index(name) for source, name in advisory.get("severity", {}).items()}
    return {
        "Title": advisory["title"],
        "Description": advisory["description"],
        "Severity": SEVERITIES[max(severity.values(), default=0)].upper(),
        "CweIDs": advisory.get("cwe", []),
        "VendorSeverity": severity,
        "CVSS": {source: {"V3Score": score} for source, score in advisory.get("cvss", {}).items()},
        "References": [f"https://fixture.invalid/{advisory['id']}"],
        "PublishedDate": "2026-01-15T09:30:00Z",
        "LastModifiedDate": "2026-02-20T16:45:00Z",
    }


def _advisory(affected: dict[str, Any]) -> dict[str, Any]:
    if affected["ecosystem"] in ("pip", "npm"):
        return {"VulnerableVersions": affected["vulnerable"], "PatchedVersions": affected["patched"]}
    entry: dict[str, Any] = {"FixedVersion": affected.get("fixed", "")}
    if "severity" in affected:
        entry["Severity"] = SEVERITIES.index(affected["severity"])
    if not entry["FixedVersion"]:
        entry["Status"] = STATUSES.index(affected.get("status", "affected"))
    return entry


def metadata(updated: datetime, schema: int = SCHEMA) -> dict[str, Any]:
    """As the real one, which is rebuilt every six hours and counts as current for a day."""
    return {
        "Version": schema,
        "NextUpdate": _rfc3339(updated + timedelta(days=1)),
        "UpdatedAt": _rfc3339(updated),
        "DownloadedAt": _rfc3339(updated),
    }


def write(cache: Path, advisories: list[dict[str, Any]], updated: datetime, fault: str | None) -> None:
    content = bbolt.encode(database([] if fault == "no-advisories" else advisories))
    described = _json(metadata(updated, SCHEMA + 1 if fault == "newer-schema" else SCHEMA))
    if fault == "truncated":
        content = content[: len(content) // 2]
    elif fault == "empty-file":
        content = b""
    elif fault == "garbage":
        content = b"this is not a database\n" * 1000
    elif fault == "bad-metadata":
        described = described[: len(described) // 2]
    folder = cache / "db"
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder / "trivy.db", None if fault == "no-database" else content)
    _put(folder / "metadata.json", None if fault == "no-metadata" else described)


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    # Renamed into place: a Trivy that runs meanwhile sees the old file or the new one.
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="faults:\n" + "\n".join(f"  {name:14} {meaning}" for name, meaning in FAULTS.items()),
    )
    parser.add_argument("cache", type=Path, metavar="CACHE_DIRECTORY")
    parser.add_argument("--age", type=float, default=0, metavar="DAYS", help="how long ago the database was built (default 0)")
    parser.add_argument("--fault", choices=FAULTS, help="make it unusable in this way (below)")
    parser.add_argument("--advisories", type=Path, default=Path(__file__).with_name("advisories.toml"), metavar="FILE")
    options = parser.parse_args(arguments)
    advisories = tomllib.loads(options.advisories.read_text(encoding="utf-8"))["advisory"]
    write(options.cache, advisories, datetime.now(UTC) - timedelta(days=options.age), options.fault)


if __name__ == "__main__":
    main(sys.argv[1:])
