"""Predictions that were made, kept in PostgreSQL."""

import logging
from datetime import datetime
from typing import Any

from psycopg import Error
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

LOG = logging.getLogger(__name__)
SCHEMA = """
    CREATE TABLE IF NOT EXISTS prediction (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        made_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        model TEXT NOT NULL,
        result JSONB NOT NULL
    )
"""
SCHEMA_LOCK = 0x5F1A
"""Two instances that start at once would both create the table; one of them would fail."""


class Entry(BaseModel):
    made_at: datetime
    model: str
    result: dict[str, Any]


class Store:
    def __init__(self, url: str) -> None:
        self.pool = ConnectionPool(url, min_size=1, max_size=8, timeout=2, open=False, name="predictions")
        self.prepared = False

    def open(self) -> None:
        # Does not wait: until PostgreSQL answers, the service runs and says that it is not ready.
        self.pool.open()

    def close(self) -> None:
        self.pool.close()

    def ready(self) -> bool:
        try:
            self._prepare()
            with self.pool.connection() as connection:
                connection.execute("SELECT 1")
        except Error as error:
            LOG.warning("PostgreSQL does not answer: %s", error)
            return False
        return True

    def record(self, model: str, result: BaseModel) -> None:
        """Keeps a prediction; one that can't be kept is still answered."""
        try:
            self._prepare()
            with self.pool.connection() as connection:
                values = (model, Jsonb(result.model_dump()))
                connection.execute("INSERT INTO prediction (model, result) VALUES (%s, %s)", values)
        except Error as error:
            LOG.warning("a %s prediction was not kept: %s", model, error)

    def latest(self, limit: int) -> list[Entry]:
        self._prepare()
        with self.pool.connection() as connection:
            rows = connection.execute("SELECT made_at, model, result FROM prediction ORDER BY id DESC LIMIT %s", (limit,))
            return [Entry(made_at=made_at, model=model, result=result) for made_at, model, result in rows]

    def _prepare(self) -> None:
        if not self.prepared:
            with self.pool.connection() as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
                connection.execute(SCHEMA)
            self.prepared = True
