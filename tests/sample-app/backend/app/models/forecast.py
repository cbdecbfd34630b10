"""Forecast of a series by Holt's linear method: a level and a trend, both smoothed."""

from pydantic import BaseModel, Field, FiniteFloat

LEVEL_WEIGHT = 0.6
TREND_WEIGHT = 0.3


class ForecastRequest(BaseModel):
    series: list[FiniteFloat] = Field(min_length=2, max_length=10_000)
    horizon: int = Field(default=5, ge=1, le=365)


class ForecastResult(BaseModel):
    values: list[float]


def predict(request: ForecastRequest) -> ForecastResult:
    level, trend = request.series[0], request.series[1] - request.series[0]
    for value in request.series[1:]:
        last = level
        level = LEVEL_WEIGHT * value + (1 - LEVEL_WEIGHT) * (level + trend)
        trend = TREND_WEIGHT * (level - last) + (1 - TREND_WEIGHT) * trend
    return ForecastResult(values=[round(level + step * trend, 4) for step in range(1, request.horizon + 1)])
