"""Plan <-> JSON, and the one check that stands before everything: is this a plan that this runtime can read?"""

from __future__ import annotations

import msgspec

from tacet_runtime.plan.model import PLAN_FORMAT, Plan


class PlanError(Exception):
    """The bytes are no plan that this runtime can run; the message says what to do."""


class _Header(msgspec.Struct):
    format: int


def encode(plan: Plan) -> bytes:
    """Return the plan as indented JSON, same bytes for the same plan."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n"


def decode(data: bytes) -> Plan:
    """Read a plan. Raises PlanError when it is of another format or damaged."""
    try:
        header = msgspec.json.decode(data, type=_Header)
    except msgspec.DecodeError as error:
        raise PlanError(f"not a plan: {error}") from error
    if header.format != PLAN_FORMAT:
        raise PlanError(
            f"plan format {header.format}, this runtime reads {PLAN_FORMAT}: "
            "install the runtime that goes with the compiler, or build again"
        )
    try:
        return msgspec.json.decode(data, type=Plan)
    except msgspec.DecodeError as error:
        raise PlanError(f"damaged plan: {error}") from error
