"""Names that the version which is read does not have, and a newer one has: an everyday step, and no slip of the pen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.frontend.ranges import contains, read_bounds
from tacet_codegen.frontend.reading import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tacet_codegen.frontend.nodes import Scalar
    from tacet_codegen.ir.model import RawEvent, Table


def newer(read: RawEvent | Table, versions: Iterable[RawEvent | Table], key: str, range_: Scalar) -> dict[str, str]:
    """Return the fields that only newer versions have -> which has it, and what to do; `key` holds the range of versions."""
    bounds = read_bounds(range_, "semver", Problems()) or ()
    has = {f.name for f in read.fields}
    found: dict[str, str] = {}
    for one in versions:
        version, draft = one.header.version, one.header.status == "draft"
        if version.key <= read.header.version.key:
            continue
        widened = f"write `{key}` as `>={version} <{version.major + 1}.0.0`"
        if not draft:
            hint = f"`{one.header.reference}` has it: {widened}"
        elif contains(bounds, version):
            hint = f"`{one.header.reference}` has it and is a draft: release it first, or {widened} meanwhile"
        else:
            hint = f"`{one.header.reference}` has it and is a draft: {widened}"
        for field in one.fields:
            if field.name not in has:
                found.setdefault(field.name, hint)
    return found
