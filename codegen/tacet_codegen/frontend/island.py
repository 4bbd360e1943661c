"""`islands/<name>.yaml`: endpoints, security by reference, pace and patience of one region -> `plan.island`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeVar

from tacet_codegen.diagnostics import Span, in_order
from tacet_codegen.frontend import nodes, reading
from tacet_codegen.frontend.reading import Problems, Shape
from tacet_runtime.plan import island as p

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tacet_codegen.diagnostics import Diagnostic
    from tacet_codegen.frontend.nodes import Node, Scalar
    from tacet_codegen.frontend.reading import Keys

ISLAND = Shape(
    {"island": "its name", "kafka": "the broker"},
    {
        "registry": "the schema registry",
        "warehouse": "the folder of the tables",
        "catalog": "the catalog of the tables, when it is not a file in the warehouse",
        "start": "earliest | latest",
        "pace": "how much at once",
        "patience": "how long is waited",
        "status": "how it is watched",
    },
)
KAFKA = Shape({"bootstrap": "host:port, with commas between several"}, {"security": "how it is spoken to"})
SECURITY = Shape(
    {"protocol": "plaintext | ssl | sasl_plaintext | sasl_ssl"},
    {
        "mechanism": "PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512",
        "username": "${env:NAME} or ${file:PATH}",
        "password": "${env:NAME} or ${file:PATH}",
        "ca": "path of the certificates that are trusted",
        "certificate": "path of our own certificate",
        "key": "path of its key",
        "key_password": "${env:NAME} or ${file:PATH}",
    },
)
REGISTRY = Shape(
    {"url": "its address"},
    {
        "username": "${env:NAME} or ${file:PATH}",
        "password": "${env:NAME} or ${file:PATH}",
        "ca": "path of the certificates that are trusted",
    },
)
CATALOG = Shape(
    {"type": "sql | rest", "uri": "its address, without credentials"},
    {
        "username": "${env:NAME} or ${file:PATH}",
        "password": "${env:NAME} or ${file:PATH}",
        "properties": "more of pyiceberg's properties; what is secret by reference",
    },
)
PACE = Shape(
    {},
    {
        "rows": "messages in a batch",
        "bytes": "bytes in a batch",
        "time": "seconds that a batch is gathered for",
        "tables": "seconds between commits to the tables",
        "pending": "batches that may wait for their tables",
    },
)
PATIENCE = Shape(
    {},
    {
        "call": "seconds that a call may take",
        "transaction": "seconds that the broker keeps a transaction open",
        "session": "seconds after which the broker takes a silent process for dead",
        "stop": "seconds that a stop may take",
    },
)
STATUS = Shape({}, {"listen": "host:port of metrics and health", "log": "text | json"})
PROTOCOLS: tuple[Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], ...] = (
    "plaintext",
    "ssl",
    "sasl_plaintext",
    "sasl_ssl",
)
MECHANISMS: tuple[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], ...] = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LOGS: tuple[Literal["text", "json"], ...] = ("text", "json")
CATALOGS: tuple[Literal["sql", "rest"], ...] = ("sql", "rest")
STARTS: tuple[Literal["earliest", "latest"], ...] = ("earliest", "latest")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SHORTEST_SESSION = 3.0
"""Seconds: a process tells every second that it is there, and one that is late is not dead."""
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_URL = re.compile(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?")
_Word = TypeVar("_Word", bound=str)


def load_island(path: Path) -> tuple[p.Island | None, tuple[Diagnostic, ...]]:
    """Read an island file; None when there is any error in it. Never raises for what is in it."""
    problems = Problems()
    name = path.as_posix()
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.add("E101", f"cannot read: {error.strerror}", Span(name), "check that it is there and readable")
        return None, tuple(problems.found)
    node, wrong = nodes.parse(data, name)
    problems.found.extend(wrong)
    found = _island(node, problems) if node is not None else None
    return None if problems.errors else found, tuple(in_order(problems.found))


def _island(node: Node, problems: Problems) -> p.Island | None:
    found = reading.keys(node, ISLAND, "an island", problems)
    if found is None:
        return None
    name = reading.text(found.get("island"), "island", problems)
    if name is not None and not (_NAME.fullmatch(name.value) and len(name.value) <= 64):
        problems.add(
            "E204",
            f"island `{reading.cut(name.value)}` is no id",
            name.span,
            "use a-z, 0-9 and single hyphens, for example `us-east-1`",
        )
    folder = reading.text(found.get("warehouse"), "warehouse", problems)
    return p.Island(
        name=name.value if name else "",
        kafka=_kafka(found.get("kafka"), problems),
        registry=_registry(found.get("registry"), problems),
        warehouse=folder.value if folder else "warehouse",
        catalog=_catalog(found.get("catalog"), problems),
        start=_word(found, "start", STARTS, "earliest", problems),
        pace=_pace(found.get("pace"), problems),
        patience=_patience(found.get("patience"), problems),
        status=_status(found.get("status"), problems),
    )


def _word(found: Keys, key: str, known: Collection[_Word], default: _Word, problems: Problems) -> _Word:
    return reading.word(found.get(key), known, key, problems) or default


def _kafka(node: Node | None, problems: Problems) -> p.Broker:
    found = reading.keys(node, KAFKA, "kafka", problems)
    if found is None:
        return p.Broker(p.Text(""))
    bootstrap = reading.text(found.get("bootstrap"), "bootstrap", problems)
    if bootstrap is not None:
        for endpoint in bootstrap.value.split(","):
            if not p.is_endpoint(endpoint.strip()) and ("@" in endpoint or not _is_reference(endpoint)):
                shown = endpoint.strip().rpartition("@")[2]  # credentials are not said again
                problems.add(
                    "E219",
                    f"`{reading.cut(shown)}` is no endpoint",
                    bootstrap.span,
                    "write `host:port`, several with commas",
                )
    return p.Broker(p.Text(bootstrap.value if bootstrap else ""), _security(found.get("security"), problems))


def _security(node: Node | None, problems: Problems) -> p.Security:
    found = reading.keys(node, SECURITY, "security", problems)
    if found is None:
        return p.Security()
    protocol = _word(found, "protocol", PROTOCOLS, "plaintext", problems)
    mechanism = reading.word(found.get("mechanism"), MECHANISMS, "mechanism", problems)
    security = p.Security(
        protocol=protocol,
        mechanism=mechanism,
        username=_secret(found, "username", problems),
        password=_secret(found, "password", problems),
        ca=_path(found, "ca", problems),
        certificate=_path(found, "certificate", problems),
        key=_path(found, "key", problems),
        key_password=_secret(found, "key_password", problems),
    )
    _no_use(found, protocol, problems)
    if protocol.startswith("sasl") and not {"mechanism", "username", "password"} <= set(found.names):
        problems.add(
            "E219",
            f"protocol `{protocol}` without mechanism, username and password",
            found.names["protocol"].span if "protocol" in found.names else found.span,
            "add what is missing, or choose another protocol",
        )
    return security


def _no_use(found: Keys, protocol: str, problems: Problems) -> None:
    """Refuse settings that the protocol does not use: whoever wrote them believes to be protected."""
    unused = {
        "mechanism username password": "sasl" in protocol,
        "ca certificate key key_password": "ssl" in protocol,
    }
    for names, is_used in unused.items():
        for name in () if is_used else names.split():
            if name in found.names:
                message = f"protocol `{protocol}` has no use for {name}"
                problems.add("E219", message, found.names[name].span, f"choose another of: {', '.join(PROTOCOLS)}")


def _registry(node: Node | None, problems: Problems) -> p.Registry | None:
    found = reading.keys(node, REGISTRY, "registry", problems)
    if found is None:
        return None
    url = reading.text(found.get("url"), "url", problems)
    if url is not None and not _is_address(url.value):
        problems.add(
            "E219",
            "url is no address without credentials",
            url.span,
            "write `https://host/path`, and username and password by reference",
        )
    return p.Registry(
        p.Text(url.value if url else ""),
        _secret(found, "username", problems),
        _secret(found, "password", problems),
        _path(found, "ca", problems),
    )


def _catalog(node: Node | None, problems: Problems) -> p.Catalog | None:
    found = reading.keys(node, CATALOG, "catalog", problems)
    if found is None:
        return None
    kind = _word(found, "type", CATALOGS, "sql", problems)
    uri = reading.text(found.get("uri"), "uri", problems)
    if uri is not None and p.has_credentials(_filled(uri.value)):
        hint = "write `postgresql+psycopg2://host/name`, and username and password by reference"
        problems.add("E219", "uri has credentials in it", uri.span, hint)
    elif uri is not None and kind == "rest" and not _is_address(uri.value):
        hint = "write `https://host/path`, and a token among `properties`, by reference"
        problems.add("E219", "uri is no address without credentials", uri.span, hint)
    properties: dict[str, p.Text] = {}
    secrets: dict[str, p.Secret] = {}
    for name, value in reading.pairs(found.get("properties"), "properties", problems):
        if any(word in name.value.lower() for word in p.SECRET_WORDS):
            secret = _reference(value, name.value, problems)
            secrets |= {name.value: secret} if secret is not None else {}
        else:
            written = reading.text(value, name.value, problems)
            if written is not None and p.has_credentials(_filled(written.value)):
                hint = "write its secrets as properties of their own, by reference"
                problems.add("E219", f"{reading.cut(name.value)} has credentials in it", written.span, hint)
            properties |= {name.value: p.Text(written.value)} if written is not None else {}
    return p.Catalog(
        kind,
        p.Text(uri.value if uri else ""),
        _secret(found, "username", problems),
        _secret(found, "password", problems),
        properties,
        secrets,
    )


def _is_address(value: str) -> bool:
    """Tell whether it is an address without user and query, or begins with a reference: then its value is looked at later."""
    later = p.REFERENCE.match(value) is not None and not set("@?#") & set(_filled(value))
    return later or _URL.fullmatch(_filled(value)) is not None


def _filled(value: str) -> str:
    """Return a text in which references stand as a letter: paths of files may have any sign."""
    return p.REFERENCE.sub("x", value)


def _is_reference(value: str) -> bool:
    return p.REFERENCE.search(value) is not None


def _secret(found: Keys, key: str, problems: Problems) -> p.Secret | None:
    node = found.get(key)
    return None if node is None else _reference(node, key, problems)


def _reference(node: Node, key: str, problems: Problems) -> p.Secret | None:
    if not isinstance(node, nodes.Scalar) or not p.REFERENCE.fullmatch(node.value):  # what it is must not be said
        problems.add("E219", f"{reading.cut(key)} is written out", node.span, "write `${env:NAME}` or `${file:PATH}`")
        return None
    return p.Secret(node.value)


def _path(found: Keys, key: str, problems: Problems) -> p.Text | None:
    written = reading.text(found.get(key), key, problems)
    return p.Text(written.value) if written else None


def _pace(node: Node | None, problems: Problems) -> p.Pace:
    found = reading.keys(node, PACE, "pace", problems)
    default = p.Pace()
    if found is None:
        return default
    return p.Pace(
        rows=reading.integer(found.get("rows"), "rows", problems, low=1, high=1_000_000) or default.rows,
        bytes=reading.integer(found.get("bytes"), "bytes", problems, low=1, high=1 << 30) or default.bytes,
        seconds=_seconds(found, "time", default.seconds, problems),
        table_seconds=_seconds(found, "tables", default.table_seconds, problems),
        pending=reading.integer(found.get("pending"), "pending", problems, low=1, high=500) or default.pending,
    )


def _patience(node: Node | None, problems: Problems) -> p.Patience:
    found = reading.keys(node, PATIENCE, "patience", problems)
    default = p.Patience()
    if found is None:
        return default
    return p.Patience(
        _seconds(found, "call", default.call_seconds, problems),
        _seconds(found, "transaction", default.transaction_seconds, problems),
        _seconds(found, "session", default.session_seconds, problems, _SHORTEST_SESSION),
        _seconds(found, "stop", default.stop_seconds, problems),
    )


def _status(node: Node | None, problems: Problems) -> p.Status:
    found = reading.keys(node, STATUS, "status", problems)
    if found is None:
        return p.Status()
    listen = reading.text(found.get("listen"), "listen", problems)
    if listen is not None and not p.is_endpoint(listen.value):
        problems.add("E219", f"`{reading.cut(listen.value)}` is no endpoint", listen.span, "write `host:port`")
    return p.Status(listen.value if listen else None, _word(found, "log", LOGS, "text", problems))


def _seconds(found: Keys, key: str, default: float, problems: Problems, low: float = 0.0) -> float:
    written: Scalar | None = reading.scalar(found.get(key), key, problems)
    if written is None:
        return default
    text = written.value.removesuffix("s")
    if not _SECONDS.fullmatch(text) or float(text) <= 0:
        problems.add(
            "E218", f"{key}: `{reading.cut(written.value)}` is no number of seconds", written.span, "for example `0.5s`"
        )
        return default
    if float(text) < low:
        problems.add(
            "E218", f"{key}: `{reading.cut(written.value)}` is too short", written.span, f"write `{low:g}s`, or more"
        )
        return default
    return float(text)
