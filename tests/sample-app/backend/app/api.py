"""The HTTP interface."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from psycopg import Error as DatabaseError
from pydantic import BaseModel

from app.cache import Cache
from app.metrics import Metrics
from app.models import anomaly, forecast, recommendation, sentiment
from app.settings import Settings
from app.store import Entry, Store


Asked = TypeVar("Asked", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)


class Service:
    """What the requests share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.store = Store(settings.database_url) if settings.database_url else None
        self.cache = Cache(settings.redis_url, settings.cache_seconds) if settings.redis_url else None

    def predict(self, model: str, request: Asked, kind: type[Result], compute: Callable[[Asked], Result]) -> Result:
        if self.cache and (kept := self.cache.get(model, request, kind)):
            return kept
        result = compute(request)
        if self.cache:
            self.cache.put(model, request, result)
        if self.store:
            self.store.record(model, result)
        return result


def create_app(settings: Settings | None = None) -> FastAPI:
    service = Service(settings or Settings.from_environment())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if service.store:
            service.store.open()
        yield
        if service.store:
            service.store.close()
        if service.cache:
            service.cache.close()

    app = FastAPI(title="Financial Intelligence System", version=service.settings.version, lifespan=lifespan)

    @app.middleware("http")
    async def observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        start = time.perf_counter()
        response = await call_next(request)
        # By the route's pattern, not the path: strangers could make up paths without end.
        route = getattr(request.scope.get("route"), "path", "none")
        service.metrics.observe(route, response.status_code, time.perf_counter() - start)
        return response

    _operations(app, service)
    _predictions(app, service)
    return app


def _operations(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["operations"])
    def health() -> dict[str, str]:
        """The process answers. Says nothing about what it depends on, so that a restart is only tried where it helps."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operations"])
    def ready() -> JSONResponse:
        """Whether it should get traffic: all that is configured answers."""
        checks: dict[str, bool] = {}
        if service.store:
            checks["postgresql"] = service.store.ready()
        if service.cache:
            checks["redis"] = service.cache.ready()
        failed = sorted(name for name, passed in checks.items() if not passed)
        return JSONResponse({"ready": not failed, "failed": failed}, status_code=503 if failed else 200)

    @app.get("/version", tags=["operations"])
    def version() -> dict[str, str]:
        return {"version": service.settings.version, "colour": service.settings.colour}

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    def metrics() -> str:
        return service.metrics.render()


def _predictions(app: FastAPI, service: Service) -> None:
    @app.post("/api/v1/sentiment", tags=["predictions"])
    def of_sentiment(request: sentiment.SentimentRequest) -> sentiment.SentimentResult:
        return service.predict("sentiment", request, sentiment.SentimentResult, sentiment.analyse)

    @app.post("/api/v1/forecast", tags=["predictions"])
    def of_forecast(request: forecast.ForecastRequest) -> forecast.ForecastResult:
        return service.predict("forecast", request, forecast.ForecastResult, forecast.predict)

    @app.post("/api/v1/anomaly", tags=["predictions"])
    def of_anomaly(request: anomaly.AnomalyRequest) -> anomaly.AnomalyResult:
        return service.predict("anomaly", request, anomaly.AnomalyResult, anomaly.detect)

    @app.post("/api/v1/recommendation", tags=["predictions"])
    def of_recommendation(request: recommendation.RecommendationRequest) -> recommendation.RecommendationResult:
        return service.predict("recommendation", request, recommendation.RecommendationResult, recommendation.recommend)

    @app.get("/api/v1/history", tags=["predictions"])
    def history(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Entry]:
        """The latest predictions, newest first; empty without PostgreSQL."""
        if not service.store:
            return []
        try:
            return service.store.latest(limit)
        except DatabaseError as error:
            raise HTTPException(status_code=503, detail="PostgreSQL does not answer") from error
