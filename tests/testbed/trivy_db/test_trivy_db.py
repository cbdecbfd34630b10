"""That the real Trivy takes what this folder makes. Run by: python3 -m unittest discover -s tests/testbed/trivy_db"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import bbolt
import generate
import image

FLAGS = ["--skip-db-update", "--skip-java-db-update", "--offline-scan", "--skip-check-update", "--skip-version-check"]
FLAGS += ["--disable-telemetry", "--scanners", "vuln", "--format", "json", "--quiet"]
REQUIREMENTS = "slipway-fixture-http==2.3.0\nslipway-fixture-yaml-fast==1.8\n"


class TrivyDatabase(unittest.TestCase):
    trivy: Path

    @classmethod
    def setUpClass(cls) -> None:
        tools = subprocess.run([HERE.parent / "python" / "venv", "scanners"], check=True, capture_output=True, text=True)
        cls.trivy = Path(tools.stdout.strip()) / "trivy"

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.cache = self.folder / "cache"
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        (self.tree / "requirements.txt").write_text(REQUIREMENTS)

    def scan(self, *target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run_trivy(*target, *FLAGS, **environment)

    def run_trivy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.trivy), *arguments, "--cache-dir", str(self.cache)]
        # Nothing of the user's own Trivy settings, and no network beyond the loopback.
        environment |= {"PATH": os.defpath, "HOME": str(self.folder), "HTTPS_PROXY": "http://127.0.0.1:9"}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, check=False, text=True, timeout=120)

    def registry(self) -> str:
        command = [sys.executable, str(HERE / "registry.py")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.__exit__, None, None, None)
        assert process.stdout
        return process.stdout.readline().strip()

    def findings(self, *target: str, **environment: str) -> list[tuple[str, str, str, str]]:
        done = self.scan(*target, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = [entry for result in json.loads(done.stdout)["Results"] for entry in result.get("Vulnerabilities", [])]
        keys = ("VulnerabilityID", "PkgName", "Severity", "FixedVersion")
        return sorted(tuple(entry.get(key, "") for key in keys) for entry in found)

    def test_a_tree(self) -> None:
        generate.main([str(self.cache)])
        expected = [
            ("CVE-2099-10001", "slipway-fixture-http", "CRITICAL", "2.4.1"),
            ("CVE-2099-10002", "slipway-fixture-yaml-fast", "HIGH", "1.9"),
        ]
        self.assertEqual(self.findings("fs", str(self.tree)), expected)

    def test_an_image_in_both_formats(self) -> None:
        generate.main([str(self.cache)])
        expected = [
            ("CVE-2099-10001", "slipway-fixture-http", "CRITICAL", "2.4.1"),
            ("CVE-2099-20001", "libslipway-fixture-tls3", "HIGH", "3.0.15-1~deb12u1"),
            ("CVE-2099-20001", "slipway-fixture-tls", "HIGH", "3.0.15-1~deb12u1"),
            ("CVE-2099-20002", "slipway-fixture-shell", "LOW", ""),
            ("CVE-2099-20003", "base-files", "LOW", ""),
            ("TEMP-0000000-F1C710", "slipway-fixture-shell", "UNKNOWN", ""),
        ]
        for form in ("docker", "oci"):
            with self.subTest(form):
                archive = str(self.folder / form)
                image.main([archive, "--format", form])
                self.assertEqual(self.findings("image", "--input", archive), expected)

    def test_faults(self) -> None:
        for fault in generate.FAULTS:
            with self.subTest(fault):
                generate.main([str(self.cache), "--fault", fault])
                done = self.scan("fs", str(self.tree))
                # A database that knows nothing looks clean to Trivy: that is why the fault is there.
                self.assertEqual(done.returncode == 0, fault == "no-advisories", done.stderr)

    def test_age(self) -> None:
        generate.main([str(self.cache), "--age", "30"])
        dates = json.loads((self.cache / "db" / "metadata.json").read_text())
        age = datetime.now(UTC) - datetime.fromisoformat(dates["UpdatedAt"])
        self.assertEqual(age.days, 30)
        self.assertEqual(len(self.findings("fs", str(self.tree))), 2)

    def test_buckets_of_many_pages(self) -> None:
        affects = [
            {"ecosystem": "pip", "package": f"filler-{number}", "vulnerable": ["<1"], "patched": []} for number in range(3000)
        ]
        affects.append({"ecosystem": "pip", "package": "slipway-fixture-http", "vulnerable": ["<9"], "patched": ["9"]})
        large = {"id": "CVE-2099-30001", "title": "many", "description": "x" * 20_000, "affects": affects}
        generate.write(self.cache, [large], datetime.now(UTC), None)
        expected = [("CVE-2099-30001", "slipway-fixture-http", "UNKNOWN", "9")]
        self.assertEqual(self.findings("fs", str(self.tree)), expected)

    def test_a_download_past_repositories_that_fail(self) -> None:
        registry = self.registry()
        repositories = ",".join(f"{registry}/{prefix}trivy-db:2" for prefix in ("busy/", "broken/", ""))
        flags = ["--download-db-only", "--skip-version-check", "--disable-telemetry", "--quiet", "--db-repository"]
        done = self.run_trivy("image", *flags, repositories)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.findings("fs", str(self.tree))), 2)

        for prefix in ("busy/", "broken/", "private/", "cut/", "nowhere/"):
            with self.subTest(prefix):
                generate.write(self.cache, [], datetime.now(UTC), "no-metadata")
                done = self.run_trivy("image", *flags, f"{registry}/{prefix}trivy-db:2")
                self.assertEqual(done.returncode, 1, done.stderr)

    def test_a_private_image(self) -> None:
        generate.main([str(self.cache)])
        reference = f"{self.registry()}/private/fixture/api:1.4.2"
        self.assertEqual(self.scan("image", reference).returncode, 1)
        login = {"TRIVY_USERNAME": "fixture", "TRIVY_PASSWORD": "fixture-registry-password"}
        self.assertEqual(len(self.findings("image", reference, **login)), 6)

    def test_what_a_bucket_cannot_hold(self) -> None:
        with self.assertRaisesRegex(ValueError, "65535 keys"):
            bbolt.encode({str(number).encode(): b"" for number in range(bbolt.MAX_KEYS + 1)})
        with self.assertRaisesRegex(ValueError, "empty"):
            bbolt.encode({b"": b"value"})


if __name__ == "__main__":
    unittest.main()
