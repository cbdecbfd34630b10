"""What to add to a portfolio: the asset classes that it has least of, compared to a balanced one."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

AssetClass = Literal["bonds", "cash", "property", "shares"]
BALANCED: dict[AssetClass, float] = {"bonds": 0.3, "cash": 0.05, "property": 0.15, "shares": 0.5}


class RecommendationRequest(BaseModel):
    holdings: dict[AssetClass, float] = Field(min_length=1, description="Value held in each class")

    @model_validator(mode="after")
    def has_value(self) -> "RecommendationRequest":
        if min(self.holdings.values()) < 0 or not 0 < sum(self.holdings.values()) < float("inf"):
            raise ValueError("holdings must not be negative, and their sum must be positive")
        return self


class Recommendation(BaseModel):
    asset_class: AssetClass
    missing: float = Field(description="Share of the portfolio that is missing, from 0 to 1")


class RecommendationResult(BaseModel):
    recommendations: list[Recommendation]


def recommend(request: RecommendationRequest) -> RecommendationResult:
    total = sum(request.holdings.values())
    missing = {name: share - request.holdings.get(name, 0) / total for name, share in BALANCED.items()}
    ranked = sorted(missing.items(), key=lambda item: (-item[1], item[0]))
    return RecommendationResult(
        recommendations=[Recommendation(asset_class=name, missing=round(gap, 4)) for name, gap in ranked if gap > 0.005]
    )
