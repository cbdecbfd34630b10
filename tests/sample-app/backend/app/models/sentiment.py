"""Sentiment of a sentence about a company: counts words that speak for and against it."""

import re
from typing import Literal

from pydantic import BaseModel, Field

POSITIVE = frozenset("beat beats gain gains growth profit record rise rises strong surge upgrade".split())
NEGATIVE = frozenset("cut cuts debt decline downgrade drop fall falls fraud loss miss misses weak".split())
NEGATIONS = frozenset("no not never without".split())


class SentimentRequest(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


class SentimentResult(BaseModel):
    label: Literal["negative", "neutral", "positive"]
    score: float = Field(ge=-1, le=1)


def analyse(request: SentimentRequest) -> SentimentResult:
    votes: list[int] = []
    before = ""
    for word in re.findall(r"[a-z']+", request.text.lower()):
        vote = (word in POSITIVE) - (word in NEGATIVE)
        if vote:
            votes.append(-vote if before in NEGATIONS else vote)
        before = word
    score = sum(votes) / len(votes) if votes else 0.0
    label: Literal["negative", "neutral", "positive"] = "neutral"
    if abs(score) > 0.2:
        label = "positive" if score > 0 else "negative"
    return SentimentResult(label=label, score=round(score, 4))
