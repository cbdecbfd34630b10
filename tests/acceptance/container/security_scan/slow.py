#!/usr/bin/python3 -I
"""A Trivy that takes its time: tells the test that it runs, then waits. The test listens at
`/github/workspace/slow.sock`; `slow.json` beside it says whether SIGTERM ends it."""

import json
import signal
import socket
import subprocess
import sys
import time

with open("/github/workspace/slow.json") as file:
    settings = json.load(file)
if settings["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
# A child of its own in a session of its own: nothing of a scanner may outlive the step.
if "child" not in sys.argv:
    subprocess.Popen([sys.executable, "-I", __file__, "child"], start_new_session=True)
print('{"SchemaVersion": 2, "Results": [', flush=True)
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect("/github/workspace/slow.sock")
    peer.sendall(b"running\n")
    time.sleep(600)
