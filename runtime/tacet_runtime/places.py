"""PLACES: which files of a table may hold a message, told by their footers, so that history is not read whole for each range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The least and the greatest source and offset in a file; None where the footer says nothing."""

    path: Path
    source: tuple[str, str] | None
    offset: tuple[int, int] | None

    def may_hold(self, source: str, first: int, last: int) -> bool:
        """Tell whether rows of a source with offsets `first` to `last` (both included) may be here."""
        if self.source is not None and not self.source[0] <= source <= self.source[1]:
            return False
        return self.offset is None or (self.offset[0] <= last and self.offset[1] >= first)


class Places:
    """Data files of a table by the positions that they hold. The one file that was read last is kept in memory."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = [_bounds(path) for path in paths]
        self._last: tuple[Path, pa.Table] | None = None

    def rows(self, source: str, partition: int, offsets: Collection[int]) -> Iterator[pa.Table]:
        """Yield the rows of messages, file by file."""
        first, last = min(offsets), max(offsets)
        wanted = pa.array(sorted(offsets), pa.int64())
        for file in self._files:
            if file.may_hold(source, first, last):
                rows = self._read(file.path)
                hit = _hit(rows, source, partition, wanted)
                if pc.any(hit).as_py():
                    yield rows.filter(hit)

    def without(self, touched: Mapping[tuple[str, int], set[int]]) -> Iterator[tuple[Path, pa.Table, np.ndarray]]:
        """Yield each file that holds rows of touched messages: path, rows, and a mask of the others."""
        ends = {place: (min(offsets), max(offsets)) for place, offsets in touched.items()}
        for file in self._files:
            near = [p for p, (first, last) in ends.items() if file.may_hold(p[0], first, last)]
            if not near:
                continue
            rows = self._read(file.path)
            keep = np.ones(rows.num_rows, dtype=bool)
            for source, partition in near:
                wanted = pa.array(list(touched[source, partition]), pa.int64())
                keep &= ~_hit(rows, source, partition, wanted).to_numpy()
            if not keep.all():
                yield file.path, rows, keep

    def _read(self, path: Path) -> pa.Table:
        if self._last is None or self._last[0] != path:
            self._last = (path, pq.ParquetFile(path).read())
        return self._last[1]


def _hit(rows: pa.Table, source: str, partition: int, offsets: pa.Array) -> Any:
    here = pc.and_(pc.equal(rows.column("_source"), source), pc.equal(rows.column("_partition"), partition))
    return pc.and_(here, pc.is_in(rows.column("_offset"), offsets))


def _bounds(path: Path) -> _Bounds:
    metadata = pq.read_metadata(path)
    names = {metadata.schema.column(at).path: at for at in range(metadata.num_columns)}
    return _Bounds(path, _range(metadata, names.get("_source")), _range(metadata, names.get("_offset")))


def _range(metadata: Any, at: int | None) -> Any:
    if at is None:
        return None
    found = [metadata.row_group(n).column(at).statistics for n in range(metadata.num_row_groups)]
    if not found or any(s is None or not s.has_min_max for s in found):
        return None
    return min(s.min for s in found), max(s.max for s in found)
