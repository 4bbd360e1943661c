"""JSON messages -> typed rows, in one SQL statement: what stands where, of which JSON type, and what it is worth.

Strictness is the runtime's screen before (`engines/embedded`): here every message is RFC 8259 and an object. Each
message is parsed three times (types, keys, values) and each element as often; nothing is parsed for a single field.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tacet_codegen.targets.duckdb.expressions import render
from tacet_codegen.targets.duckdb.judged import bits, judged
from tacet_codegen.targets.duckdb.literals import identifier, string, type_name
from tacet_codegen.targets.duckdb.values import convert, is_nested, json_reader_type, json_types, read_from, tests
from tacet_runtime.plan.expressions import Column, PathValue
from tacet_runtime.plan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tacet_runtime.plan.expressions import Path
    from tacet_runtime.plan.model import Field, Plan, Source

SKIPPED, ROW, NO_ITEMS, SLOW = range(4)
"""`:status`: not ours; a row; a parent without rows; a parent whose list is none, or too long: the strict path's."""

_OFF = '":off"'
_SHAPE = """CAST(to_json({'t': ":types", 'k': ":keys"}) AS VARCHAR)"""
"""What a message or an element is like, whatever its values: few distinct texts in a stream."""
_MSHAPE, _ISHAPE, _NO_SHAPE = f'{_SHAPE} AS ":mshape"', f'{_SHAPE} AS ":ishape"', 'CAST(NULL AS VARCHAR) AS ":ishape"'


def supported(plan: Plan) -> bool:
    """Tell whether every path can be asked for in DuckDB.

    Not: keys with quotes, backslashes or controls; keys of one object that differ only in case; a path that goes on
    below another field's value. Such plans run on the strict path alone: exact, and slower.
    """
    trees: dict[str, Any] = {}
    for path, leaf in _paths(plan.source):
        node = trees.setdefault(path.root, {})
        for step in path.steps:
            if not step.isprintable() or '"' in step or "\\" in step or not step:
                return False
            if any(other != step and other.casefold() == step.casefold() for other in node if other is not None):
                return False
            node = node.setdefault(step, {})
        if leaf and path.root != "$index":
            node[None] = True
    if any(field.path.root == "$item" and not field.path.steps for field in plan.source.fields):
        return False
    return not any(_conflicts(tree) for tree in trees.values()) and not _read_twice(plan.source)


def _read_twice(source: Source) -> bool:
    """Tell whether one path is wanted as two different types."""
    wanted: dict[Path, str] = {}
    found = [(f.path, "nested" if is_nested(f.type) else json_reader_type(f.type, f.encoding)) for f in source.fields]
    found += [(part.path, json_reader_type(part.type, "json")) for part in _selected(source)]
    if source.explode is not None:
        found.append((source.explode, "items"))
    return any(wanted.setdefault(path, base) != base for path, base in found if path.root != "$index")


def _selected(source: Source) -> list[PathValue]:
    return [part for part in walk(source.select) if isinstance(part, PathValue)] if source.select is not None else []


def _conflicts(node: dict[Any, Any]) -> bool:
    if None in node and len(node) > 1:
        return True
    return any(_conflicts(child) for key, child in node.items() if key is not None)


def _paths(source: Source) -> Iterator[tuple[Path, bool]]:
    for field in source.fields:
        yield field.path, True
    for part in _selected(source):
        yield part.path, True
    if source.explode is not None:
        yield source.explode, True


def json_path(path: Path) -> str:
    """Return the path in DuckDB's syntax, from the object that is its root."""
    return "$" + "".join(f'."{step}"' for step in path.steps)


def root_fields(source: Source, root: str) -> list[Field]:
    """Return the fields whose paths begin at a root, in file order."""
    return [field for field in source.fields if field.path.root == root]


def object_paths(paths: Iterable[Path]) -> list[tuple[str, ...]]:
    """Return the objects that paths go through, as steps from their root: those whose unknown keys are reported."""
    found: dict[tuple[str, ...], None] = {}
    for path in paths:
        for end in range(len(path.steps)):
            found[path.steps[:end]] = None
    return sorted(found)


def message_paths(source: Source) -> list[Path]:
    """Return the distinct paths of the message that are asked for, in a fixed order: fields, select, explode."""
    paths = [path for path, _ in _paths(source) if path.root == "$"]
    return list(dict.fromkeys(paths))


def item_paths(source: Source) -> list[Path]:
    """Return the distinct paths of an element, in file order."""
    return list(dict.fromkeys(field.path for field in root_fields(source, "$item")))


def _structure(values: Iterable[tuple[Path, Any]]) -> str:
    """Return json_transform's structure for paths of different types."""
    tree: dict[str, Any] = {}
    for path, type_ in values:
        node = tree
        for step in path.steps[:-1]:
            node = node.setdefault(step, {})
        node[path.steps[-1]] = type_
    return string(json.dumps(tree, ensure_ascii=False))


def _member(prefix: str, path: Path) -> str:
    return prefix + "".join(f".{identifier(step)}" for step in path.steps)


def _wanted(source: Source, root: str) -> dict[Path, Any]:
    """Return path -> the type that json_transform gives; no path is wanted as two (`supported`)."""
    wanted: dict[Path, Any] = {}
    for field in root_fields(source, root):
        if not is_nested(field.type) and field.path.steps:
            wanted[field.path] = json_reader_type(field.type, field.encoding)
    if root == "$":
        wanted |= {part.path: json_reader_type(part.type, "json") for part in _selected(source) if part.path.steps}
        if source.explode is not None and source.explode.steps:
            wanted[source.explode] = ["JSON"]
    return wanted


def rows(plan: Plan) -> str:
    """Return the statement over `batch(":off", ":msg")`: one row an element, or one for a message without (`:status`).

    Columns: `:off`, `:status`, `:index`, `:mshape`, `:ishape` (JSON types and keys, as JSON), each field by name, and
    what was tested: `:bad` (fields that are not `one_of`, `pattern`, `range`), `:when` (conditions of presence),
    `:rules`, `:filters`.
    """
    source = plan.source
    kept = '":off", ":status", ":index", ":mshape", ":ishape"'
    found = [(field, reason, test) for field in source.fields for reason, test in tests(field)]
    masks = {(f.name, reason): identifier(f":bad:{reason}:{f.name}") for f, reason, _ in found}
    sql = _elements(plan, _messages(plan))
    if found:
        tested = [f"({test}) IS TRUE AS {masks[f.name, reason]}" for f, reason, test in found]
        sql = _over(["*", *tested], f"({sql})")
    typed = [_unless([m for (name, _), m in masks.items() if name == f.name], f.name) for f in source.fields]
    sql = _over([kept, *typed, *bits(list(masks.values()), ":bad")], f"({sql})")
    return _over(["*", *judged(plan)], f"({sql})")


def _unless(bad: list[str], name: str) -> str:
    own = identifier(name)
    return f"CASE WHEN NOT ({' OR '.join(bad)}) THEN {own} END AS {own}" if bad else own


def _messages(plan: Plan) -> str:
    """Return the statement over `batch`: the message's own fields, typed, and the list of its elements."""
    source = plan.source
    paths, fields = message_paths(source), root_fields(source, "$")
    sql = _over([_OFF, *_parsed(source, "$", paths)], "batch")
    columns = [_OFF, f'{_select(source, paths)} AS ":ours"', _MSHAPE, *_given(fields, paths)]
    if source.explode is not None:
        items = _member(identifier(":values"), source.explode) if source.explode.steps else "CAST(NULL AS JSON[])"
        columns += [f'{items} AS ":items"', f'":types"[{paths.index(source.explode) + 1}] AS ":listed"']
    carried = [_OFF, '":mshape"', *(['":items"'] if source.explode is not None else [])]
    return _over([*carried, f'{_status(plan)} AS ":status"', *_converted(fields)], f"({_over(columns, f'({sql})')})")


def _status(plan: Plan) -> str:
    if plan.source.explode is None:
        return f'CASE WHEN ":ours" THEN {ROW} ELSE {SKIPPED} END'
    return (
        f'CASE WHEN NOT ":ours" THEN {SKIPPED} WHEN ":listed" IS DISTINCT FROM \'ARRAY\' OR ":items" IS NULL '
        f'OR len(":items") > {plan.limits.explode_rows} THEN {SLOW} WHEN len(":items") = 0 THEN {NO_ITEMS} ELSE {ROW} END'
    )


def _elements(plan: Plan, sql: str) -> str:
    """Return the statement with one row an element, and the element's own fields typed."""
    source = plan.source
    head = [_OFF, '":status"', '":mshape"', *(identifier(f.name) for f in root_fields(source, "$"))]
    index = _converted([f for f in source.fields if f.path.root == "$index"])
    if source.explode is None:
        sql = _over([*head, 'CAST(0 AS BIGINT) AS ":index"'], f"({sql})")
        return _over(["*", _NO_SHAPE, *index], f"({sql})")
    each = f'CASE WHEN ":status" = {ROW} THEN ":items" ELSE CAST([NULL] AS JSON[]) END AS ":each"'
    sql = _over([*head, each], f"({sql})")
    sql = _over([*head, 'unnest(":each") AS ":item"', 'generate_subscripts(":each", 1) - 1 AS ":index"'], f"({sql})")
    paths, fields = item_paths(source), root_fields(source, "$item")
    head.append('":index"')
    if not fields:
        return _over([*head, _NO_SHAPE, *index], f"({sql})")
    sql = _over([*head, *_parsed(source, "$item", paths)], f"({sql})")
    sql = _over([*head, _ISHAPE, *_given(fields, paths)], f"({sql})")
    return _over([*head, '":ishape"', *index, *_converted(fields)], f"({sql})")


def _over(columns: Iterable[str], source: str) -> str:
    return f"SELECT {', '.join(columns)}\nFROM {source}"


def _parsed(source: Source, root: str, paths: list[Path]) -> list[str]:
    """Return SQL for the JSON types, keys and values of a message or an element: three parses."""
    value = '":msg"' if root == "$" else '":item"'
    wanted = _wanted(source, root)
    objects = object_paths(path for path, _ in _paths(source) if path.root == root) or [()]
    keys = ", ".join(string("$" + "".join(f'."{step}"' for step in steps)) for steps in objects)
    return [
        f'json_type({value}, [{", ".join(string(json_path(p)) for p in paths)}]) AS ":types"',
        f'json_keys({value}, [{keys}]) AS ":keys"',
        f'json_transform({value}, {_structure(wanted.items())}) AS ":values"' if wanted else 'NULL AS ":values"',
    ]


def _given(fields: list[Field], paths: list[Path]) -> list[str]:
    """Return SQL for what json_transform gave, where the JSON type is the field's: it would turn 0.5 into TRUE."""
    found = []
    for field in fields:
        if is_nested(field.type):
            continue
        kinds = read_from(field)
        sent = f'":types"[{paths.index(field.path) + 1}]'
        test = f"{sent} = {string(kinds[0])}" if len(kinds) == 1 else f"{sent} IN ({', '.join(map(string, kinds))})"
        value = _member(identifier(":values"), field.path)
        found.append(f"CASE WHEN {test} THEN {value} END AS {identifier(f':g:{field.name}')}")
    return found


def _converted(fields: list[Field]) -> list[str]:
    return [f"{convert(f, _raw_value(f))} AS {identifier(f.name)}" for f in fields]


def _raw_value(field: Field) -> str:
    if field.path.root == "$index":
        return '":index"'
    return "NULL" if is_nested(field.type) else identifier(f":g:{field.name}")


def _select(source: Source, paths: list[Path]) -> str:
    """Return the condition: a path's value counts only when its JSON type is the one it is compared as."""
    if source.select is None:
        return "TRUE"

    def name(column: Column | PathValue) -> str:
        if isinstance(column, Column):
            raise TypeError(column)
        kinds = "[" + ", ".join(string(kind) for kind in json_types(column.type)) + "]"
        at = paths.index(column.path) + 1
        value = _member(identifier(":values"), column.path)
        return (
            f'(CASE WHEN list_contains({kinds}, ":types"[{at}]) THEN TRY_CAST({value} AS {type_name(column.type)}) END)'
        )

    return f"COALESCE({render(source.select, name)}, FALSE)"
