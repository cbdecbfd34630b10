"""The HTTP interface without, with broken and with real PostgreSQL and Redis.

The last part runs where DATABASE_URL and REDIS_URL are set, as in CI.
"""

import os
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.settings import Settings

NOWHERE = "127.0.0.1:9"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Settings(version="1.2.3", colour="green"))) as client:
        yield client


@pytest.fixture
def broken() -> Iterator[TestClient]:
    settings = Settings(database_url=f"postgresql://{NOWHERE}/none?connect_timeout=1", redis_url=f"redis://{NOWHERE}")
    with TestClient(create_app(settings)) as client:
        yield client


def test_operations(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"ready": True, "failed": []}
    assert client.get("/version").json() == {"version": "1.2.3", "colour": "green"}


def test_metrics_count_by_route(client: TestClient) -> None:
    client.get("/version")
    client.get("/made/up")
    text = client.get("/metrics").text
    assert 'http_requests_total{route="/version",status="200"} 1' in text
    assert 'http_requests_total{route="none",status="404"} 1' in text
    assert "http_request_duration_seconds_count 2" in text


@pytest.mark.parametrize(
    ("model", "request_body", "result"),
    [
        ("sentiment", {"text": "a strong year"}, {"label": "positive", "score": 1.0}),
        ("forecast", {"series": [1, 2, 3], "horizon": 1}, {"values": [4.0]}),
        ("anomaly", {"amounts": [1, 2, 1, 2, 90]}, {"anomalies": [4]}),
        (
            "recommendation",
            {"holdings": {"shares": 50, "bonds": 50}},
            {"recommendations": [{"asset_class": "property", "missing": 0.15}, {"asset_class": "cash", "missing": 0.05}]},
        ),
    ],
)
def test_predictions(client: TestClient, model: str, request_body: object, result: object) -> None:
    response = client.post(f"/api/v1/{model}", json=request_body)
    assert (response.status_code, response.json()) == (200, result)


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": 5}, {"text": "x" * 10_001}])
def test_wrong_requests_are_named(client: TestClient, body: object) -> None:
    response = client.post("/api/v1/sentiment", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "text"]


def test_broken_services_are_not_ready_but_predict(broken: TestClient) -> None:
    assert broken.get("/health").status_code == 200
    response = broken.get("/ready")
    assert (response.status_code, response.json()) == (503, {"ready": False, "failed": ["postgresql", "redis"]})
    assert broken.post("/api/v1/sentiment", json={"text": "weak"}).json()["label"] == "negative"
    assert broken.get("/api/v1/history").status_code == 503


@pytest.mark.skipif("DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ, reason="needs both services")
def test_real_services() -> None:
    with TestClient(create_app(Settings.from_environment())) as client:
        assert client.get("/ready").json() == {"ready": True, "failed": []}
        text = f"growth {os.urandom(8).hex()}"
        before = client.get("/api/v1/history?limit=1").json()
        first = client.post("/api/v1/sentiment", json={"text": text}).json()
        kept = client.get("/api/v1/history?limit=2").json()
        assert kept[0]["result"] == first
        assert kept[1:] == before
        # Served from the cache: the same answer, and nothing more in the history.
        assert client.post("/api/v1/sentiment", json={"text": text}).json() == first
        assert client.get("/api/v1/history?limit=2").json() == kept


@pytest.mark.parametrize("value", ["0", "65536", "-1", "eighty"])
def test_settings_name_what_is_wrong(value: str) -> None:
    with pytest.raises(SystemExit, match=f"PORT is '{value}'"):
        Settings.from_environment({"PORT": value})


def test_empty_settings_are_absent() -> None:
    assert Settings.from_environment({"PORT": "", "DATABASE_URL": ""}) == Settings()
