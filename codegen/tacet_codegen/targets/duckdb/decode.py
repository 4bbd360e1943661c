"""JSON messages -> typed rows, in SQL: what stands where, of which JSON type, and whether it is in its field's range.

Strictness is the runtime's screen before (`engines/embedded`): here every message is RFC 8259 and an object. A value
that SQL cannot type exactly comes out NULL although it was sent; the runtime sees that and takes the strict path.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from tacet_codegen.targets.duckdb.expressions import render
from tacet_codegen.targets.duckdb.literals import identifier, literal, string, type_name
from tacet_runtime.plan import types as t
from tacet_runtime.plan.expressions import Column, Literal, PathValue
from tacet_runtime.plan.model import RequiredWhen
from tacet_runtime.plan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tacet_runtime.plan.expressions import Expression, Path
    from tacet_runtime.plan.model import Field, Plan, Source
    from tacet_runtime.plan.types import Type

EPOCHS = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first moment of year 1 and the last of year 9999."""
_FLOAT_LIMIT = "3.4028235677973366e38::DOUBLE"
"""The least number that rounds to infinity in binary32."""
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = "-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?"


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
    found = [(f.path, "nested" if _nested(f.type) else _base(f.type, f.encoding)) for f in source.fields]
    found += [(part.path, _base(part.type, "json")) for part in _selected(source)]
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


def _base(type_: Type, encoding: str) -> str:
    """Return the type that DuckDB's own JSON reader gives before the conversion; VARCHAR for what is text in JSON."""
    if encoding in EPOCHS:
        return "BIGINT"
    if encoding == "string":
        return "VARCHAR"
    match type_:
        case t.BooleanType() | t.IntType() | t.LongType() | t.DoubleType() | t.DecimalType():
            return type_name(type_)
        case t.FloatType():
            return "DOUBLE"
        case _:
            return "VARCHAR"


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


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(texts) + "]"


def _structure(values: Iterable[tuple[Path, str]]) -> str:
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


def _nested(type_: Type) -> bool:
    return isinstance(type_, t.ListType | t.MapType | t.StructType)


def _wanted(source: Source, root: str) -> dict[Path, str]:
    """Return path -> the type that json_transform gives; no path is wanted as two (`supported`)."""
    wanted: dict[Path, str] = {}
    for field in root_fields(source, root):
        if _nested(field.type) or not field.path.steps:
            continue
        wanted[field.path] = _base(field.type, field.encoding)
    return wanted


def messages(plan: Plan) -> str:
    """Return the statement over `batch(":off", ":msg")`: types, values, keys of each message, and its elements."""
    source = plan.source
    paths = message_paths(source)
    wanted = _wanted(source, "$")
    for part in _selected(source):
        wanted[part.path] = _base(part.type, "json")
    order = list(wanted)
    columns = ['":off"', '":types"', '":keys"']
    columns += [f"{_member(identifier(':values'), path)} AS {identifier(f':{at}')}" for at, path in enumerate(order)]
    inner = [
        '":off"',
        f'json_type(":json", {_list(string(json_path(p)) for p in paths)}) AS ":types"',
        f'{_keys(source, "$", ":json")} AS ":keys"',
    ]
    if order:
        inner.append(f'json_transform(":json", {_structure(wanted.items())}) AS ":values"')
    if source.explode is not None:
        inner.append(f'json_extract(":json", {string(json_path(source.explode) + "[*]")}) AS ":items"')
        columns.append('":items"')
    select = _select(source, paths)
    return (
        f'SELECT {", ".join(columns)}, {select} AS ":ours"\n'
        f"FROM (SELECT {', '.join(inner)}\n"
        '      FROM (SELECT ":off", CAST(":msg" AS JSON) AS ":json" FROM batch))'
    )


def _keys(source: Source, root: str, value: str) -> str:
    """Return SQL for the keys of every object on the way to a path, as JSON text: few distinct ones in a stream."""
    objects = object_paths(path for path, _ in _paths(source) if path.root == root) or [()]
    paths = _list(string("$" + "".join(f'."{step}"' for step in steps)) for steps in objects)
    return f"CAST(to_json(json_keys({identifier(value)}, {paths})) AS VARCHAR)"


def _select(source: Source, paths: list[Path]) -> str:
    """Return the condition: a path's value counts only when its JSON type is the one it is compared as."""
    if source.select is None:
        return "TRUE"

    def name(column: Column | PathValue) -> str:
        if isinstance(column, Column):
            raise TypeError(column)
        kinds = _list(string(kind) for kind in _json_types(column.type))
        at = paths.index(column.path) + 1
        value = _member(identifier(":values"), column.path)
        return (
            f'(CASE WHEN list_contains({kinds}, ":types"[{at}]) THEN TRY_CAST({value} AS {type_name(column.type)}) END)'
        )

    return f"COALESCE({render(source.select, name)}, FALSE)"


def _json_types(type_: Type) -> tuple[str, ...]:
    match type_:
        case t.BooleanType():
            return ("BOOLEAN",)
        case t.IntType() | t.LongType():
            return ("BIGINT", "UBIGINT")
        case t.FloatType() | t.DoubleType() | t.DecimalType():
            return ("BIGINT", "UBIGINT", "DOUBLE")
        case _:
            return ("VARCHAR",)


def rows(plan: Plan) -> str:
    """Return the statement over `messages` (what `messages` gave, less what is not ours): one row an element.

    Columns: `:off`, `:index`, `:mtypes`, `:itypes`, `:mkeys`, `:ikeys`, each field by name, and what was tested:
    `:bad` (fields that are not `one_of`, `pattern`, `range`), `:when` (conditions of presence), `:rules`, `:filters`.
    """
    source = plan.source
    order = _message_order(source)
    unnested = _unnested(source, len(order))
    given = ", ".join(f"{_value(f, source, order)} AS {identifier(f':g:{f.name}')}" for f in source.fields)
    converted = ", ".join(
        f"{_convert(f, 'NULL' if _nested(f.type) else identifier(f':g:{f.name}'))} AS {identifier(f.name)}"
        for f in source.fields
    )
    tests = [(f, reason, test) for f in source.fields for reason, test in _tests(f)]
    kept = '":off", ":index", ":mtypes", ":itypes", ":mkeys", ":ikeys"'
    bad = ", ".join(f"({test}) IS TRUE AS {identifier(f':bad:{reason}:{f.name}')}" for f, reason, test in tests)
    typed = []
    for field in source.fields:
        own = [identifier(f":bad:{reason}:{f.name}") for f, reason, _ in tests if f.name == field.name]
        name = identifier(field.name)
        typed.append(f"CASE WHEN NOT ({' OR '.join(own)}) THEN {name} END AS {name}" if own else name)
    masks = bits([identifier(f":bad:{reason}:{f.name}") for f, reason, _ in tests], ":bad")
    inner = f"SELECT {kept}, {given}\n  FROM ({unnested})"
    inner = f"SELECT {kept}, {converted}\n  FROM ({inner})"
    if bad:
        inner = f"SELECT *, {bad}\n  FROM ({inner})"
    inner = f"SELECT {kept}, {', '.join(typed)}, {', '.join(masks)}\n  FROM ({inner})"
    return f"SELECT *, {', '.join(_judged(plan))}\nFROM ({inner})"


def tested(source: Source) -> list[tuple[str, str]]:
    """Return (field, reason) of every bit of `:bad`, in order."""
    return [(f.name, reason) for f in source.fields for reason, _ in _tests(f)]


def _message_order(source: Source) -> dict[Path, int]:
    wanted = dict.fromkeys(_wanted(source, "$"))
    for part in _selected(source):
        wanted[part.path] = None
    return {path: at for at, path in enumerate(wanted)}


def _unnested(source: Source, values: int) -> str:
    carried = ", ".join(identifier(f":{at}") for at in range(values))
    head = f'":off", ":types" AS ":mtypes", ":keys" AS ":mkeys"{", " + carried if carried else ""}'
    if source.explode is None:
        return f'SELECT {head}, 0 AS ":index", CAST(NULL AS VARCHAR[]) AS ":itypes", CAST(NULL AS VARCHAR) AS ":ikeys" FROM messages'
    inner = (
        f'SELECT {head}, unnest(":items") AS ":item", generate_subscripts(":items", 1) - 1 AS ":index" FROM messages'
    )
    paths = item_paths(source)
    wanted = _wanted(source, "$item")
    types = f'json_type(":item", {_list(string(json_path(p)) for p in paths)})' if paths else "CAST(NULL AS VARCHAR[])"
    keys = _keys(source, "$item", ":item") if paths else "CAST(NULL AS VARCHAR)"
    found = f'SELECT * EXCLUDE (":item"), {types} AS ":itypes", {keys} AS ":ikeys"'
    steps = [(path, base) for path, base in wanted.items() if path.steps]
    if steps:
        found += f', json_transform(":item", {_structure(steps)}) AS ":values"'
    return f"{found} FROM ({inner})"


def _value(field: Field, source: Source, order: dict[Path, int]) -> str:
    """Return SQL for what json_transform gave, where the JSON type is the field's: it would turn 0.5 into TRUE."""
    if field.path.root == "$index":
        return '":index"'
    if _nested(field.type):
        return "NULL"
    if field.path.root == "$item":
        value, types, paths = _member(identifier(":values"), field.path), ":itypes", item_paths(source)
    else:
        value, types, paths = identifier(f":{order[field.path]}"), ":mtypes", message_paths(source)
    kinds = _kinds(field)
    sent = f"{identifier(types)}[{paths.index(field.path) + 1}]"
    test = f"{sent} = {string(kinds[0])}" if len(kinds) == 1 else f"{sent} IN ({', '.join(map(string, kinds))})"
    return f"(CASE WHEN {test} THEN {value} END)"


def _kinds(field: Field) -> tuple[str, ...]:
    """Return the JSON types, as DuckDB names them, that a field's value is read from."""
    if field.encoding in EPOCHS:
        return ("BIGINT", "UBIGINT")
    if field.encoding == "string":
        return ("VARCHAR",)
    return ("BIGINT", "UBIGINT") if isinstance(field.type, t.DecimalType) else _json_types(field.type)


def _convert(field: Field, value: str) -> str:
    """Return SQL for the typed value; NULL where it cannot be had exactly."""
    type_, name = field.type, type_name(field.type)
    if value == "NULL":
        return f"CAST(NULL AS {name})"
    if field.path.root == "$index":
        return f"CAST({value} AS {name})"
    if field.encoding in EPOCHS:
        unit = EPOCHS[field.encoding]
        low, high = -(-FIRST // unit), LAST // unit
        return f"CASE WHEN {value} BETWEEN {low} AND {high} THEN make_timestamp({value} * {unit}) END"
    if field.encoding == "string":
        return _from_text(type_, value)
    match type_:
        case t.FloatType():
            return f"CASE WHEN abs({value}) < {_FLOAT_LIMIT} THEN CAST({value} AS FLOAT) END"
        case t.DoubleType():
            return f"CASE WHEN isfinite({value}) THEN {value} END"
        case t.BooleanType() | t.IntType() | t.LongType() | t.DecimalType() | t.StringType():
            return value
        case _:
            return _from_text(type_, value)


def _from_text(type_: Type, value: str) -> str:
    """Return SQL for a value that stands as text in JSON."""
    match type_:
        case t.StringType():
            return value
        case t.BooleanType():
            return f"CASE {value} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case t.IntType() | t.LongType():
            return _matching(value, _INTEGER, f"TRY_CAST({value} AS {type_name(type_)})")
        case t.FloatType():
            number = f"TRY_CAST({value} AS DOUBLE)"
            return _matching(
                value, _NUMBER, f"CASE WHEN abs({number}) < {_FLOAT_LIMIT} THEN CAST({number} AS FLOAT) END"
            )
        case t.DoubleType():
            number = f"TRY_CAST({value} AS DOUBLE)"
            return _matching(value, _NUMBER, f"CASE WHEN isfinite({number}) THEN {number} END")
        case t.DecimalType(_, scale):
            fraction = f"(?:[.][0-9]{{1,{scale}}})?" if scale else ""
            return _matching(value, f"-?[0-9]+{fraction}", f"TRY_CAST({value} AS {type_name(type_)})")
        case t.DateType():
            day = f"TRY_CAST({value} AS DATE)"
            return _matching(value, _DATE, f"CASE WHEN {day} >= DATE '0001-01-01' THEN {day} END")
        case t.TimeType():
            return _matching(value, _TIME, f"TRY_CAST({value} AS TIME)")
        case t.TimestampType():
            return _matching(value, f"{_DATE}T{_TIME}", _within(f"TRY_CAST({value} AS TIMESTAMP)"))
        case t.TimestamptzType():
            moment = f"make_timestamp(epoch_us(TRY_CAST({value} AS TIMESTAMPTZ)))"
            return _matching(value, f"{_DATE}T{_TIME}{_OFFSET}", _within(moment))
        case t.UuidType():
            found = f"TRY_CAST({value} AS UUID)"
            return f"CASE WHEN lower({value}) = CAST({found} AS VARCHAR) THEN {found} END"
        case t.BinaryType():
            data = f"TRY(from_base64({value}))"
            return f"CASE WHEN to_base64({data}) = {value} THEN {data} END"
        case t.ListType() | t.MapType() | t.StructType():
            return f"CAST(NULL AS {type_name(type_)})"
        case _:
            assert_never(type_)


def _matching(value: str, pattern: str, then: str) -> str:
    return f"CASE WHEN regexp_full_match({value}, {string(pattern)}) THEN {then} END"


def _within(moment: str) -> str:
    return f"CASE WHEN {moment} BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN {moment} END"


def _tests(field: Field) -> Iterator[tuple[str, str]]:
    """Yield (reason, SQL that is TRUE when the typed value breaks the contract), in the order they are judged."""
    name = identifier(field.name)
    if field.one_of is not None:
        yield "one_of", f"{name} NOT IN ({', '.join(map(string, field.one_of))})"
    if field.pattern is not None:
        yield "format", f"NOT regexp_full_match({name}, {string(field.pattern)})"
    if field.range is not None:
        ends = [
            f"{name} {operator} {literal(Literal(field.type, end))}"
            for operator, end in (("<", field.range.low), (">", field.range.high))
            if end is not None
        ]
        if ends:
            yield "range", " OR ".join(ends)


def conditions(source: Source) -> list[Expression]:
    """Return the distinct conditions of presence, of all versions."""
    presences = [f.presence for f in source.fields] + [p for v in source.versions for p in v.presence.values()]
    return list(dict.fromkeys(p.condition for p in presences if isinstance(p, RequiredWhen)))


def _judged(plan: Plan) -> list[str]:
    source = plan.source
    known = {f.name for f in source.fields}

    def name(column: Column | PathValue) -> str:
        if isinstance(column, PathValue):
            raise TypeError(column)
        return identifier(column.name) if column.name in known else f"CAST(NULL AS {type_name(column.type)})"

    def state(condition: Expression) -> list[str]:
        sql = render(condition, name)
        return [f"({sql}) IS TRUE", f"({sql}) IS FALSE"]

    when = [test for condition in conditions(source) for test in state(condition)]
    rules = [f"({render(rule.check, name)}) IS FALSE" for rule in source.rules]
    filters = [f"({render(one.drop_when, name)}) IS TRUE" for one in plan.derived.filters] if plan.derived else []
    return [*bits(when, ":when"), *bits(rules, ":rules"), *bits(filters, ":filters")]


def bits(tests: list[str], name: str) -> list[str]:
    """Return columns `name:0`, `name:1`, ... that hold 60 tests each, the first in the lowest bit; always at least one."""
    columns = []
    for number, start in enumerate(range(0, max(len(tests), 1), 60)):
        part = tests[start : start + 60]
        summed = (
            " + ".join(f"CASE WHEN {test} THEN {1 << at}::BIGINT ELSE 0 END" for at, test in enumerate(part))
            or "0::BIGINT"
        )
        columns.append(f"{summed} AS {identifier(f'{name}:{number}')}")
    return columns
