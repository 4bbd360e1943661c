"""NULLS: a NULL list or map of structs stays one when pyiceberg reads it; the library's own scan makes an empty one of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.io import pyarrow as library

if TYPE_CHECKING:
    from collections.abc import Iterator

_Library = library.ArrowProjectionVisitor


class _Projection(_Library):
    """The library's projection of a file's columns to a table's: it builds lists and maps of structs anew, without their NULLs."""

    def list(self, list_type: Any, list_array: Any, value_array: Any) -> Any:
        found = super().list(list_type, list_array, value_array)
        if found is None or not list_array.null_count:
            return found
        return type(found).from_arrays(found.offsets, found.values, type=found.type, mask=list_array.is_null())

    def map(self, map_type: Any, map_array: Any, key_result: Any, value_result: Any) -> Any:
        found = super().map(map_type, map_array, key_result, value_result)
        if found is None or not map_array.null_count:
            return found
        return pa.MapArray.from_arrays(found.offsets, found.keys, found.items, found.type, mask=map_array.is_null())


@contextmanager
def nulls_kept() -> Iterator[None]:
    """Within it, scans of this process keep NULLs."""
    library.ArrowProjectionVisitor = _Projection  # type: ignore[misc]
    try:
        yield
    finally:
        library.ArrowProjectionVisitor = _Library  # type: ignore[misc]
