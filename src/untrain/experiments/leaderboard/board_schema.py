"""Contents of the file of a leaderboard, checked once on reading: shapes, finite numbers, and parts that belong together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from untrain.evaluation.protocols.protocol import ENDPOINTS
from untrain.experiments.leaderboard.measure import DIGESTS

Table = Annotated[list[list[float]], Field(min_length=2)]


class _Part(BaseModel):
    """A part of the file; members that are not named here are passed on as they are."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class StoredYardstick(_Part):
    """Retrained models of one place, (k, endpoints)."""

    endpoints: Annotated[list[str], Field(min_length=1)]
    margins: list[str]
    values: Table

    @model_validator(mode="after")
    def fits(self) -> StoredYardstick:
        """Refuse endpoints without margins or values."""
        if len(self.margins) != len(self.endpoints) or not set(self.margins) <= set(ENDPOINTS):
            raise ValueError(f"each endpoint has a margin, one of {list(ENDPOINTS)}")
        _check_width(self.values, len(self.endpoints))
        return self


class StoredCost(_Part):
    """Costs of models, as shares of retraining."""

    share_of_retraining: float | None = None


class StoredRow(_Part):
    """Models of one method, (seeds, endpoints), or why there are none."""

    name: str
    method: str | None
    control: bool
    sees: str
    values: Table | None
    cost: StoredCost
    moved: float | None
    yardstick: Annotated[int, Field(ge=0)]
    trials: list[dict[str, Any]]
    notes: list[str]
    beforehand: Annotated[int, Field(ge=0)] = 0
    error: str | None
    run: str

    @model_validator(mode="after")
    def is_whole(self) -> StoredRow:
        """Refuse neither an error nor values."""
        if self.error is None and (self.values is None or self.method is None):
            raise ValueError("a row has values and a method, or an error")
        return self


class StoredRequest(_Part):
    """One request: what it is, its retrained models and its rows."""

    name: str
    request: str
    digests: dict[str, str]
    forget: list[Any]
    sizes: dict[str, int]
    chosen: dict[str, Any]
    notes: list[str]
    yardsticks: Annotated[list[StoredYardstick], Field(min_length=1)]
    rows: list[StoredRow]

    @model_validator(mode="after")
    def belongs_together(self) -> StoredRequest:
        """Refuse yardsticks of different endpoints, rows without a yardstick, and two rows of a name."""
        if not {"train", "forget", "test"} <= set(self.sizes):
            raise ValueError("sizes say how many examples 'train', 'forget' and 'test' have")
        if not {"forget", *DIGESTS} <= set(self.digests):
            raise ValueError(f"there are digests of 'forget' and of {list(DIGESTS)}")
        first = self.yardsticks[0]
        if any((one.endpoints, one.margins) != (first.endpoints, first.margins) for one in self.yardsticks):
            raise ValueError("all yardsticks have the same endpoints and margins")
        if len({row.name for row in self.rows}) < len(self.rows):
            raise ValueError("two rows have one name")
        for row in self.rows:
            if row.yardstick >= len(self.yardsticks):
                raise ValueError(f"{row.name} refers to yardstick {row.yardstick} of {len(self.yardsticks)}")
            _check_width(row.values or [], len(first.endpoints))
        return self


class BoardFields(_Part):
    """Of the record of the board."""

    requests: dict[str, str]
    controls: list[str]


class LeftOutMethod(_Part):
    """A method that took no part, and why."""

    method: str
    reason: str


class StoredBoard(_Part):
    """The whole file."""

    scenario: str
    board: BoardFields
    keepers: list[str]
    tuning: str
    requests: Annotated[list[StoredRequest], Field(min_length=1)]
    left_out: list[LeftOutMethod]


def checked(document: Any) -> dict[str, Any]:
    """The document of a leaderboard's file, with defaults where an older one lacks a member.

    Raises:
        ValueError: it is none; the text says where.
    """
    try:
        return StoredBoard.model_validate(document).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])[1:]
        raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}" if place else first["msg"]) from None


def _check_width(values: list[list[float]], endpoints: int) -> None:
    wrong = [len(row) for row in values if len(row) != endpoints]
    if wrong:
        raise ValueError(f"there are {endpoints} endpoints, and a model has {wrong[0]} values")
