"""A profile: what makes events of one domain look real. It is data of the application, never of the product.

JSON: `bytes` (size of a message), `items` ([fewest, most] elements of a message), `fields` (name -> `choice`: values as
they stand in a message, with `weights` or earlier ones more often; `distinct`: how many values there are; `share`: how
often an optional field is sent), `producers` (name -> `share` and `versions`: version -> share), `noise` (keys that no
contract names, merged into messages), `others` (messages of other kinds on the same queue), `start` (ISO 8601) and
`seconds` (the stretch of event time).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

Share = Annotated[float, msgspec.Meta(ge=0.0)]


class ProfileError(Exception):
    """The profile cannot be read; the message says what is wrong."""


class FieldProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is usual in one field."""

    choice: tuple[Any, ...] = ()
    weights: tuple[Share, ...] = ()
    distinct: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None = None


class ProducerProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the stream a producer sends, and from which of its versions."""

    share: Share = 1.0
    versions: dict[str, Share] = {}


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything has a default: any contract gives events without one."""

    bytes: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1_200
    items: tuple[Annotated[int, msgspec.Meta(ge=1)], Annotated[int, msgspec.Meta(le=1_000)]] = (1, 3)
    fields: dict[str, FieldProfile] = {}
    producers: dict[str, ProducerProfile] = {}
    noise: dict[str, Any] = {}
    others: tuple[dict[str, Any], ...] = ()
    start: dt.datetime | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=1e9)] = 7_200.0


def read_profile(path: Path) -> Profile:
    """Read a profile. Raises ProfileError with the place of what is wrong."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
    if found.items[0] > found.items[1]:
        raise ProfileError(f"{path}: `items` is [fewest, most]")
    for name, field in found.fields.items():
        if field.weights and (len(field.weights) != len(field.choice) or not sum(field.weights)):
            raise ProfileError(f"{path}: `fields.{name}.weights` needs a number for each choice")
    return found
