"""Refusals: what other hands did to topics, offsets or tables, and the way out of it. Nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):  # noqa: N818
    """The service will not go on by itself; the message says what was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Accept:
    """What the operator has looked at, and allows this start to go over."""

    rollback: bool = False
    """Tables that were rolled back get the later commits again."""
    new_topic: bool = False
    """The source topic is another one, or was made anew: begin at its first message, as another source."""
    loss: bool = False
    """Messages that are gone, or left, before they were consumed stay a gap in the ledger, which `verify` names."""
