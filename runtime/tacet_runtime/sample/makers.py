"""The makers of all fields of a plan: keys of reference data together, everything else for itself."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from tacet_runtime.sample import fields
from tacet_runtime.sample.shapes import ordered

if TYPE_CHECKING:
    import datetime as dt
    import random
    from collections.abc import Iterable

    from tacet_runtime.plan.model import Lookup, Plan
    from tacet_runtime.sample.conditions import Reference
    from tacet_runtime.sample.fields import Maker
    from tacet_runtime.sample.profile import Profile

_MOST_KEYS = 20_000


def makers(
    plan: Plan, profile: Profile, reference: Reference, rng: random.Random, base: dt.datetime
) -> dict[str, Maker]:
    """Return a maker for each field that stands in a message. Raises SampleError."""
    found: dict[str, Maker] = {}
    for lookup in plan.derived.lookups if plan.derived is not None else ():
        names = [f.name for f in key_fields(plan, lookup)]
        chosen = any(name in profile.fields and profile.fields[name].choice for name in names)
        if reference.get(lookup.name) and not chosen and not any(name in found for name in names):
            found |= fields.keyed(key_fields(plan, lookup), _rows(plan, lookup, reference[lookup.name]), rng)
    for field in plan.source.fields:
        if field.name not in found and field.path.root != "$index":
            found[field.name] = fields.maker(field, rng, base, profile.fields.get(field.name))
        if field.name == plan.source.event_time:
            found[field.name] = fields.at_moment(field)
    return found


def key_fields(plan: Plan, lookup: Lookup) -> list[Any]:
    """Return the fields of a lookup's key in the order in which they are drawn."""
    wanted = {key.field for key in lookup.keys}
    drawn = sorted(ordered(plan.source), key=lambda f: f.path.root != "$")
    return [f for f in drawn if f.name in wanted]


def _rows(plan: Plan, lookup: Lookup, keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    columns = [next(n for n, k in enumerate(lookup.keys) if k.field == f.name) for f in key_fields(plan, lookup)]
    return [tuple(row[at] for at in columns) for row in islice(keys, _MOST_KEYS)]
