"""The commit intent: one message in each transaction, which names the finished files that belong to it.

Intents stand in a compacted topic of their own for each job, island and shard, with their number as key. A tombstone
follows an intent long after every table has it (`KEPT`), so that a table that is rolled back can be brought forward again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tacet_runtime.connectors.parquet import Finished, partition_value, plain_value
from tacet_runtime.service.lineage import Lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 2
KEPT = 1_000
"""How many applied intents stay readable."""
TOPIC_CONFIG = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": "600000",
    "segment.bytes": "16777216",
    "delete.retention.ms": "600000",
    "max.message.bytes": "16777216",
}


class BadIntent(Exception):  # noqa: N818
    """A message of the intents topic is none of ours, or of a newer version of this program."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """What a commit adds to one table; `uuid`, `schema` and `spec` are the table's at the time of writing."""

    role: str
    uuid: str
    schema: int
    spec: int
    files: tuple[Finished, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """One Kafka transaction, as the tables must follow it."""

    seq: int
    plan: str
    cluster: str
    lineage: Lineage
    offsets: Mapping[int, tuple[int, int]]
    """Partition -> first offset, and the one after the last."""
    positions: Mapping[int, int]
    """Partition -> next offset, of every partition that this shard ever consumed of the present topic."""
    messages: int
    folder: str
    tables: tuple[TableFiles, ...]


def key(seq: int) -> bytes:
    """Return the message key of an intent."""
    return str(seq).encode()


def encode(intent: Intent) -> bytes:
    """Return an intent as a message."""
    document = {
        "format": FORMAT,
        "seq": intent.seq,
        "plan": intent.plan,
        "cluster": intent.cluster,
        "topics": list(intent.lineage.ids),
        "names": list(intent.lineage.names),
        "left": {name: _numbered(positions) for name, positions in intent.lineage.left.items()},
        "offsets": {str(number): list(span) for number, span in intent.offsets.items()},
        "positions": _numbered(intent.positions),
        "messages": intent.messages,
        "folder": intent.folder,
        "tables": [
            {
                "role": table.role,
                "uuid": table.uuid,
                "schema": table.schema,
                "spec": table.spec,
                "files": [[f.path, [plain_value(v) for v in f.partition], f.rows] for f in table.files],
            }
            for table in intent.tables
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode(data: bytes) -> Intent:
    """Return a message as an intent. Raises BadIntent."""
    try:
        document: dict[str, Any] = json.loads(data)
        if document["format"] != FORMAT:
            raise BadIntent(f"it has format {str(document['format'])[:20]}, and this version reads {FORMAT}")
        return Intent(
            seq=int(document["seq"]),
            plan=str(document["plan"]),
            cluster=str(document["cluster"]),
            lineage=_lineage(document),
            offsets={int(number): (first, last) for number, (first, last) in document["offsets"].items()},
            positions=_positions(document["positions"]),
            messages=int(document["messages"]),
            folder=str(document["folder"]),
            tables=tuple(_table(table) for table in document["tables"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadIntent("it is no intent of ours") from error


def _numbered(positions: Mapping[int, int]) -> dict[str, int]:
    return {str(number): offset for number, offset in positions.items()}


def _positions(document: Mapping[str, int]) -> dict[int, int]:
    return {int(number): offset for number, offset in document.items()}


def _lineage(document: Mapping[str, Any]) -> Lineage:
    left = {name: _positions(positions) for name, positions in document["left"].items()}
    return Lineage(tuple(document["topics"]), tuple(document["names"]), left)


def _table(document: Mapping[str, Any]) -> TableFiles:
    role = str(document["role"])
    files = tuple(
        Finished(role, str(path), tuple(partition_value(v) for v in partition), int(rows))
        for path, partition, rows in document["files"]
    )
    return TableFiles(role, str(document["uuid"]), int(document["schema"]), int(document["spec"]), files)


def history(messages: Iterable[tuple[bytes | None, bytes | None]]) -> list[Intent]:
    """Return the intents that a topic holds, in order of their number; of one number the last. Raises BadIntent."""
    found: dict[bytes, bytes] = {}
    for name, data in messages:
        if name is None:
            raise BadIntent("a message has no key")
        found.pop(name, None)
        if data is not None:
            found[name] = data
    return sorted((_named(name, data) for name, data in found.items()), key=lambda intent: intent.seq)


def _named(name: bytes, data: bytes) -> Intent:
    try:
        return decode(data)
    except BadIntent as error:
        raise BadIntent(f"the message with key {name[:40]!r} cannot be read: {error}") from error
