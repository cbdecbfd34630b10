"""What the environment says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """PostgreSQL and Redis are used where their URLs are set, and done without where they aren't."""

    host: str = "127.0.0.1"
    port: int = 8000
    database_url: str | None = None
    redis_url: str | None = None
    version: str = "development"
    colour: str = "none"
    cache_seconds: int = 60

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        def text(name: str, default: str) -> str:
            return environment.get(name) or default

        def whole(name: str, default: int, least: int, most: int) -> int:
            value = text(name, str(default))
            if not value.isdecimal() or not least <= int(value) <= most:
                raise SystemExit(f"{name} is '{value}': a whole number from {least} to {most} is expected")
            return int(value)

        return cls(
            host=text("HOST", cls.host),
            port=whole("PORT", cls.port, 1, 65535),
            database_url=environment.get("DATABASE_URL") or None,
            redis_url=environment.get("REDIS_URL") or None,
            version=text("VERSION", cls.version),
            colour=text("COLOUR", cls.colour),
            cache_seconds=whole("CACHE_SECONDS", cls.cache_seconds, 1, 86400),
        )
