"""The models on inputs whose answers are known."""

import pytest
from pydantic import ValidationError

from app.models import anomaly, forecast, recommendation, sentiment


@pytest.mark.parametrize(
    ("text", "label", "score"),
    [
        ("Record profit, and growth again", "positive", 1.0),
        ("Shares fall after a fraud", "negative", -1.0),
        ("No growth this year", "negative", -1.0),
        ("Profit rises while margins fall", "positive", 0.3333),
        ("The meeting is on Tuesday", "neutral", 0.0),
        ("Прибыль", "neutral", 0.0),
    ],
)
def test_sentiment(text: str, label: str, score: float) -> None:
    result = sentiment.analyse(sentiment.SentimentRequest(text=text))
    assert (result.label, result.score) == (label, score)


def test_forecast_continues_a_line() -> None:
    request = forecast.ForecastRequest(series=[1, 2, 3, 4, 5], horizon=3)
    assert forecast.predict(request).values == [6, 7, 8]


def test_forecast_of_a_constant_is_that_constant() -> None:
    assert forecast.predict(forecast.ForecastRequest(series=[7, 7, 7], horizon=2)).values == [7, 7]


@pytest.mark.parametrize("series", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_forecast_refuses(series: list[float]) -> None:
    with pytest.raises(ValidationError):
        forecast.ForecastRequest(series=series)


@pytest.mark.parametrize(
    ("amounts", "places"),
    [
        ([10, 11, 9, 10, 12, 500], [5]),
        ([10, 11, 9, 10, 12, 11], []),
        ([5, 5, 5, 6], [3]),
        ([5, 5, 5], []),
        ([-900, 10, 11, 12, 10], [0]),
    ],
)
def test_anomaly(amounts: list[float], places: list[int]) -> None:
    assert anomaly.detect(anomaly.AnomalyRequest(amounts=amounts)).anomalies == places


def test_recommendation_ranks_by_what_is_missing() -> None:
    request = recommendation.RecommendationRequest(holdings={"shares": 80, "bonds": 20})
    result = recommendation.recommend(request).recommendations
    assert [(entry.asset_class, entry.missing) for entry in result] == [("property", 0.15), ("bonds", 0.1), ("cash", 0.05)]


def test_recommendation_for_a_balanced_portfolio_is_empty() -> None:
    request = recommendation.RecommendationRequest(holdings=dict(recommendation.BALANCED))
    assert recommendation.recommend(request).recommendations == []


@pytest.mark.parametrize("holdings", [{}, {"cash": 0}, {"cash": -1, "shares": 2}, {"gold": 1}, {"cash": float("inf")}])
def test_recommendation_refuses(holdings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        recommendation.RecommendationRequest.model_validate({"holdings": holdings})
