"""A profile: what makes events of one domain look real. It is data of the application, never of the product.

JSON: `bytes` (size of a message), `items` ([fewest, most]), `fields` (name -> {"choice": [...]} or {"zipf": n}),
`producers` (name -> {"share": 1.0, "versions": {version: share}}), `noise` (an object that is merged into messages),
`others` (messages of other kinds on the same queue), `start` (ISO 8601) and `seconds` (the stretch of event time).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class ProfileError(Exception):
    """The profile cannot be read; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class ProducerShare:
    """How much of the stream a producer sends, and from which of its versions."""

    share: float = 1.0
    versions: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything has a default: any contract gives events without one."""

    bytes: int = 1_200
    items: tuple[int, int] = (1, 3)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    producers: dict[str, ProducerShare] = field(default_factory=dict)
    noise: dict[str, Any] = field(default_factory=dict)
    others: tuple[dict[str, Any], ...] = ()
    start: str = "2026-11-20T00:00:00Z"
    seconds: float = 7_200.0


def read_profile(path: Path) -> Profile:
    """Read a profile. Raises ProfileError with the place of what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ProfileError(f"{path}: {error}") from error
