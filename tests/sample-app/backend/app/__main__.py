"""Starts the service: `python -m app`. `python -m app health [PATH]` asks a running one (for a HEALTHCHECK)."""

import http.client
import sys

import uvicorn

from app.settings import Settings


def health(settings: Settings, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=4)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


def main() -> int:
    settings = Settings.from_environment()
    if len(sys.argv) in (2, 3) and sys.argv[1] == "health":
        return health(settings, sys.argv[2] if len(sys.argv) == 3 else "/health")
    if len(sys.argv) > 1:
        print("usage: python -m app [health [PATH]]", file=sys.stderr)
        return 2
    uvicorn.run(
        "app.api:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        # Requests that run when the service is told to stop get this long to end.
        timeout_graceful_shutdown=20,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
