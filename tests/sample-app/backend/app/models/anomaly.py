"""Unusual amounts: those far from the median, measured in median absolute deviations."""

from statistics import median

from pydantic import BaseModel, Field, FiniteFloat

THRESHOLD = 3.5
"""Iglewicz and Hoaglin's, for the modified z-score."""
SCALE = 0.6745
"""Makes the deviation comparable to a standard deviation of normal data."""


class AnomalyRequest(BaseModel):
    amounts: list[FiniteFloat] = Field(min_length=3, max_length=10_000)


class AnomalyResult(BaseModel):
    anomalies: list[int] = Field(description="Places in `amounts`, counted from 0")


def detect(request: AnomalyRequest) -> AnomalyResult:
    middle = median(request.amounts)
    deviation = median(abs(amount - middle) for amount in request.amounts)

    def unusual(amount: float) -> bool:
        if deviation == 0:
            return amount != middle
        return SCALE * abs(amount - middle) / deviation > THRESHOLD

    return AnomalyResult(anomalies=[place for place, amount in enumerate(request.amounts) if unusual(amount)])
