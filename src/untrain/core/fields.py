"""Field types that several specs share, with their ranges."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from untrain.core.search_space import SearchHint

Share = Annotated[float, Field(ge=0, le=1)]


Keep = Annotated[float, Field(gt=0, le=1), SearchHint(0.05, 1.0, log=True)]


NonNegative = Annotated[float, Field(ge=0)]


Positive = Annotated[float, Field(gt=0)]


Count = Annotated[int, Field(ge=1)]
