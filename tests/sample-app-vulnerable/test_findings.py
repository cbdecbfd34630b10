"""That the real Trivy and Bandit find in tree/ exactly what expected.json says, and nothing in the app without faults.

Run by: python3 -m unittest discover -s tests/sample-app-vulnerable. With UPDATE=1 it rewrites the file instead: read the
difference line by line before you keep it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTBED = HERE.parent / "testbed"
EXPECTED = HERE / "expected.json"
TREE = HERE / "tree"
CLEAN = HERE.parent / "sample-app"
ALLOW_RULES = "tests examples vendor usr-dirs locale-dir markdown node.js golang python rubygems wordpress anaconda-log"
TRIVY_IGNORE = re.compile(r"(?:trivy|tfsec|cfsec):ignore:(\S+)")
MODULE = re.compile(r'^\s*source\s*=\s*"(?P<source>(?!\.)[^"]+)"')

Finding = dict[str, Any]


class Findings(unittest.TestCase):
    maxDiff = None
    bin: Path
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        made = subprocess.run([TESTBED / "python" / "venv", "scanners"], check=True, capture_output=True, text=True)
        cls.bin = Path(made.stdout.strip())
        # Not removed by hand: the folder goes with the process.
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = Path(temporary.name)
        subprocess.run([sys.executable, TESTBED / "trivy_db" / "generate.py", cls.folder / "cache"], check=True)
        (cls.folder / "bandit.ini").write_text("[bandit]\n")
        disabled = "\n".join(f"  - {rule}" for rule in ALLOW_RULES.split())
        (cls.folder / "no-allow-rules.yaml").write_text(f"disable-allow-rules:\n{disabled}\n")
        bare = cls.folder / "bare"
        shutil.copytree(TREE, bare)
        # What a checkout has of it: neither node_modules nor a build.
        shutil.copytree(CLEAN, cls.folder / "clean", ignore=shutil.ignore_patterns("node_modules", "dist", "__pycache__", ".*"))
        for path in (path for path in bare.rglob("*") if path.is_file()):
            path.write_text(TRIVY_IGNORE.sub("left out", path.read_text()))

    def run_tool(self, *command: Any) -> Any:
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "GIT_ALLOW_PROTOCOL": "none"}
        environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        done = subprocess.run(
            [str(word) for word in command], cwd=self.folder, env=environment, capture_output=True, check=False, text=True
        )
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def trivy(self, tree: Path, secret_config: str = "") -> list[Finding]:
        flags = "--skip-db-update --skip-java-db-update --offline-scan --skip-check-update --skip-version-check"
        flags += " --disable-telemetry --quiet --cache-backend memory --scanners vuln,misconfig,secret --format json"
        report = self.run_tool(
            self.bin / "trivy", "fs", tree, "--cache-dir", self.folder / "cache", *flags.split(),
            "--config", "", "--ignorefile", "", "--secret-config", secret_config,
        )  # fmt: skip
        return ordered([finding for result in report["Results"] for finding in from_trivy(result)])

    def bandit(self, tree: Path, *flags: str) -> list[Finding]:
        report = self.run_tool(
            self.bin / "python", "-I", "-m", "bandit", "--ini", "bandit.ini", "--quiet", *flags, "-r", "-f", "json", tree
        )
        self.assertEqual(report["errors"], [])
        return ordered([from_bandit(result, tree) for result in report["results"]])

    def test_the_app_with_faults(self) -> None:
        plain_trivy, plain_bandit = self.trivy(TREE), self.bandit(TREE)
        actual = {
            "scanners": {"trivy": "0.76.0", "bandit": "1.9.4"},
            "findings": plain_trivy + plain_bandit,
            "inline_ignored": minus(self.trivy(self.folder / "bare"), plain_trivy)
            + minus(self.bandit(TREE, "--ignore-nosec"), plain_bandit),
            "inline_ignores": list(ignores()),
            "secret_allow_rules": minus(self.trivy(TREE, str(self.folder / "no-allow-rules.yaml")), plain_trivy),
            "not_followed": list(modules()),
        }
        if os.environ.get("UPDATE") == "1":
            EXPECTED.write_text(json.dumps(actual, indent=1) + "\n")
        self.assertEqual(actual, json.loads(EXPECTED.read_text()))

    def test_the_clean_app(self) -> None:
        clean = self.folder / "clean"
        self.assertEqual(self.trivy(clean), [])
        found = self.bandit(clean, "--ignore-nosec")
        # pytest's own way to say what must hold; low.
        allowed = [f for f in found if f["rule"] == "B101" and f["path"].startswith("backend/tests/")]
        self.assertEqual(found, allowed)
        self.assertNotEqual(found, [], "Bandit read nothing")


def from_trivy(result: dict[str, Any]) -> list[Finding]:
    path = result["Target"]
    lines = {(package["Name"], package["Version"]): package["Locations"] for package in result.get("Packages", [])}
    findings = []
    for found in result.get("Vulnerabilities", []):
        name, version = found["PkgName"], found["InstalledVersion"]
        line = lines[name, version][0]["StartLine"]
        finding = base("trivy", "vulnerability", found["VulnerabilityID"], found["Severity"], path, line)
        finding |= {"package": name, "version": version}
        findings.append(finding | {"fixed_version": found.get("FixedVersion", "")})
    for found in result.get("Misconfigurations", []):
        line = found["CauseMetadata"].get("StartLine")
        findings.append(base("trivy", "misconfiguration", found["ID"], found["Severity"], path, line))
    for found in result.get("Secrets", []):
        findings.append(base("trivy", "secret", found["RuleID"], found["Severity"], path, found["StartLine"]))
    return findings


def from_bandit(found: dict[str, Any], tree: Path) -> Finding:
    path = str(Path(found["filename"]).relative_to(tree))
    finding = base("bandit", "code", found["test_id"], found["issue_severity"], path, found["line_number"])
    return finding | {"confidence": found["issue_confidence"].lower()}


def base(scanner: str, kind: str, rule: str, severity: str, path: str, line: int | None) -> Finding:
    return {"scanner": scanner, "kind": kind, "rule": rule, "severity": severity.lower(), "path": path, "line": line}


def ignores() -> Any:
    for path, number, text in texts():
        if match := TRIVY_IGNORE.search(text):
            yield {"scanner": "trivy", "path": path, "line": number, "rule": match[1]}
        elif path.endswith(".py") and (match := re.search(r"#\s*nosec\b\s*(\S*)", text)):
            yield {"scanner": "bandit", "path": path, "line": number, "rule": match[1]}


def modules() -> Any:
    for path, number, text in texts():
        if path.endswith(".tf") and (match := MODULE.match(text)):
            yield {"path": path, "line": number, "source": match["source"]}


def texts() -> Any:
    for path in sorted(path for path in TREE.rglob("*") if path.is_file()):
        for number, text in enumerate(path.read_text().splitlines(), 1):
            yield str(path.relative_to(TREE)), number, text


def minus(more: list[Finding], fewer: list[Finding]) -> list[Finding]:
    return [finding for finding in more if finding not in fewer]


def ordered(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (f["path"], f["line"] or 0, f["rule"], f.get("package", "")))


if __name__ == "__main__":
    unittest.main()
