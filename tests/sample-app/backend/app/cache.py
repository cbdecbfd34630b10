"""Results by request, kept in Redis for a short time."""

import hashlib
import logging
from typing import TypeVar

from pydantic import BaseModel
from redis import Redis, RedisError

LOG = logging.getLogger(__name__)
Result = TypeVar("Result", bound=BaseModel)


class Cache:
    """Never the reason for a failed request: without Redis every result is computed."""

    def __init__(self, url: str, seconds: int) -> None:
        self.redis: Redis = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.seconds = seconds

    def close(self) -> None:
        self.redis.close()

    def ready(self) -> bool:
        try:
            return bool(self.redis.ping())
        except RedisError as error:
            LOG.warning("Redis does not answer: %s", error)
            return False

    def get(self, model: str, request: BaseModel, kind: type[Result]) -> Result | None:
        try:
            kept = self.redis.get(key(model, request))
        except RedisError as error:
            LOG.warning("the cache was not read: %s", error)
            return None
        return kind.model_validate_json(kept) if isinstance(kept, bytes) else None

    def put(self, model: str, request: BaseModel, result: BaseModel) -> None:
        try:
            self.redis.set(key(model, request), result.model_dump_json(), ex=self.seconds)
        except RedisError as error:
            LOG.warning("a result was not cached: %s", error)


def key(model: str, request: BaseModel) -> str:
    return f"{model}:{hashlib.sha256(request.model_dump_json().encode()).hexdigest()}"
