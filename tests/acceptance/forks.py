#!/usr/bin/python3 -I
"""A Trivy that was tampered with: of the tree's scan, processes stay that fork without end, each for a moment.

They hold a lock for as long as one of them lives. The image's scan, which gets the registry's password, tries to take
it, and says in its log whether one did.
"""

import fcntl
import os
import sys
import time

LOCK = "/tmp/forks.lock"
CHAINS = 4
REPORT = '{"SchemaVersion":2,"Trivy":{"Version":"0.76.0"},"Results":[]}'


def chain(end):
    while time.monotonic() < end:
        try:
            if os.fork():
                os._exit(0)
            os.setsid()
        except OSError:  # no more processes are allowed just now
            pass
    os._exit(0)


def chains():
    end = time.monotonic() + 5
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    for _ in range(CHAINS):
        if os.fork() == 0:
            os.setsid()
            chain(end)
    os._exit(0)


file = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
if sys.argv[1] == "fs":
    # Inherited by every fork, as one and the same lock.
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if os.fork() == 0:
        chains()
    os.close(file)
    # A moment for the chains to get going.
    time.sleep(0.5)
elif sys.argv[1] == "image":
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("nobody is left", file=sys.stderr)
    except BlockingIOError:
        print("another process waits for", os.environ.get("DOCKER_CONFIG"), file=sys.stderr)
print(REPORT)
