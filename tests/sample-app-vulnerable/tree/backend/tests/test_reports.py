"""Trivy's built-in allow rule `tests` passes over the webhook in this file."""

WEBHOOK = "https://hooks.slack.com/services/T00000000/B00000000/YYYYYYYYYYYYYYYYYYYYYYYY"


def test_webhook():
    assert WEBHOOK.startswith("https://")
