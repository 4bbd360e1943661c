"""What a sender writes with the generated model is this event's, and what JSON Schema or the model takes is not skipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

import tacet
from tests.language.repositories import PAGE, ROOT
from tests.language.test_models import imported

if TYPE_CHECKING:
    from pathlib import Path

EVENT = """event: thing
version: 1.0.0
status: draft
owner: {{team: t, notify: ["slack:#t"]}}
doc: d
source: {{topic: t, event_time: at, select: {select}}}
producer: {{name: m, version: b, scheme: semver}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  m: {{type: string, path: $.m, presence: required}}
  b: {{type: string, path: $.b, presence: required}}
  at: {{type: timestamptz, path: $.at, presence: required}}
  kind: {{type: string, path: $.kind, presence: optional}}
  whole: {{type: "struct{{a: string, b: string}}", path: $.whole, presence: optional}}
  inner: {{type: string, path: $.in.ner, presence: optional}}
sinks: {{iceberg: {{table: n.thing}}}}
"""
SENT = {"id": 1, "m": "a", "b": "1.0.0", "at": "2026-01-01T00:00:00Z"}
NOT_SEEN_TO = "which the classes do not see to"
ALSO = "what else that takes"


class Sender:
    """A job, and what was generated for who sends its messages."""

    def __init__(self, folder: Path, repository: Path, job: str, event: str) -> None:
        compiled = tacet.compile(repository)
        files = compiled.artefacts()
        namespace, name, version = event.split("/")
        module = f"{name}_{version.replace('.', '_')}"
        self.job: Any = compiled.job(job)
        self.schema = jsonschema.Draft202012Validator(json.loads(files[f"jsonschema/{event}.json"]))
        self.text = files[f"python/tacet_models/{namespace}/{module}.py"]
        self.page = files[f"docs/{event}.md"]
        self.model: Any = imported(folder, self.text, module)

    def outcome(self, data: bytes) -> str:
        return str(self.job.explain(data)["outcome"])

    def agrees(self, message: dict[str, Any]) -> bool:
        """Tell whether JSON Schema and model take what the job does not skip."""
        data = json.dumps(message).encode()
        ours = self.outcome(data) != "skipped"
        return self.schema.is_valid(message) is ours and self.takes(data) is ours

    def takes(self, data: bytes) -> bool:
        """Tell whether the model does."""
        try:
            self.model.decode(data)
        except msgspec.ValidationError:
            return False
        return True


def thing(folder: Path, select: str) -> Sender:
    path = folder / "contracts/n/thing/1.0.0.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(EVENT.format(select=json.dumps(select)))
    return Sender(folder, folder, "thing", "n/thing/1.0.0")


@pytest.mark.parametrize(
    ("repository", "messages", "job", "event", "constant"),
    [
        (ROOT, PAGE / "messages.ndjson", "enriched_impression", "impressions/raw_impression/1.1.0", "type"),
        (ROOT / "examples/rides", "events/evening.ndjson", "trip", "rides/raw_trip/1.1.0", "kind"),
        (ROOT / "tacet/templates", "events/orders.ndjson", "order", "shop/raw_order/1.0.0", "type"),
    ],
    ids=["impressions", "rides", "init"],
)
def test_what_the_model_encodes_is_emitted(tmp_path, repository, messages, job, event, constant):
    sender = Sender(tmp_path, repository, job, event)
    data = (repository / messages).read_bytes().splitlines()[0]
    assert sender.outcome(data) == "emitted"
    message = sender.model.decode(data)
    assert sender.outcome(sender.model.encode(message)) == "emitted"
    given = {name: getattr(message, name) for name in message.__struct_fields__ if name != constant}
    made = sender.model.encode(type(message)(**given))
    assert sender.outcome(made) == "emitted"
    assert sender.schema.is_valid(json.loads(made))
    without = {k: v for k, v in json.loads(made).items() if k != constant}
    assert not sender.schema.is_valid(without)
    assert not sender.takes(json.dumps(without).encode())


HARD = 'it\'\'s """ \\ é {x} $'


@pytest.mark.parametrize(
    ("select", "more"),
    [
        ("$.type = 'x'", {"type": "x"}),
        ("'x' = $.type AND $.meta.stream = 'y'", {"type": "x", "meta": {"stream": "y"}}),
        (f"""$.type = '{HARD}' AND $."a-b"."c d" IN ('p')""", {"type": HARD.replace("''", "'"), "a-b": {"c d": "p"}}),
        ("$.in.type = 'x' AND $.version = -1", {"in": {"type": "x"}, "version": -1}),
        ("$.schema IN (2, 3) AND ($.type IN ('x', 'y') AND $.n = 0)", {"schema": 3, "type": "y", "n": 0}),
    ],
)
def test_what_is_asked_in_so_many_words_is_required_and_written(tmp_path, select, more):
    sender = thing(tmp_path, select)
    message = {**SENT, **more}
    assert json.loads(sender.model.encode(sender.model.decode(json.dumps(message).encode()))) == message
    assert sender.agrees(message)
    assert sender.schema.is_valid(message)
    for key in more:
        for other in (
            {k: v for k, v in message.items() if k != key},
            *({**message, key: v} for v in (None, "z", 7, {}, True)),
        ):
            assert sender.agrees(other), other
    for key in set(more) - {"in", "meta", "a-b"}:
        with pytest.raises(msgspec.ValidationError):
            sender.model.decode(json.dumps({**message, key: "z"}).encode())
    assert NOT_SEEN_TO not in sender.text
    assert ALSO not in sender.page


def test_constants_need_no_argument(tmp_path):
    sender = thing(tmp_path, "$.type = 'x' AND $.meta.stream = 'y'")
    made = sender.model.Thing(**SENT, meta=sender.model.MetaModel())
    assert json.loads(sender.model.encode(made)) == {**SENT, "type": "x", "meta": {"stream": "y"}}


@pytest.mark.parametrize(
    ("select", "more"),
    [
        ("$.type = 'x' OR $.type = 'y'", {"type": "x"}),
        ("$.type = 'x' AND $.size > 5", {"type": "x", "size": 6}),
        ("$.ours", {"ours": True}),
        ("$.type <> 'x'", {"type": "y"}),
        ("NOT ($.type = 'x')", {"type": "y"}),
        ("$.ratio = 1.5", {"ratio": 1.5}),
        ("$.a = 'x' AND $.a IN ('x', 'y')", {"a": "x"}),
        ("$.type = '\"\"\"' OR $.type = 'é\\'", {"type": '"""'}),
    ],
)
def test_what_the_classes_do_not_see_to_is_said(tmp_path, select, more):
    sender = thing(tmp_path, select)
    message = {**SENT, **more}
    assert sender.schema.is_valid(message)
    assert sender.outcome(json.dumps(message).encode()) == "emitted"
    said = sender.model.encode.__doc__
    assert NOT_SEEN_TO in said
    assert select in said
    assert ALSO in sender.page


@pytest.mark.parametrize(
    ("select", "more"),
    [
        ("$.kind = 'x'", {"kind": "x"}),
        ("$.whole.a = 'x'", {"whole": {"a": "x", "b": "y"}}),
    ],
)
def test_a_place_that_a_field_reads_keeps_the_fields_form_and_is_required(tmp_path, select, more):
    sender = thing(tmp_path, select)
    message = {**SENT, **more}
    assert json.loads(sender.model.encode(sender.model.decode(json.dumps(message).encode()))) == message
    for value in (*more.values(), None, "z", {}, {"a": "z"}, {"a": None, "b": "x"}):
        if isinstance(value, dict) is ("whole" in more) or value is None:
            assert sender.agrees({**SENT, next(iter(more)): value}), value
    assert sender.agrees(SENT)
    assert NOT_SEEN_TO in sender.model.encode.__doc__
    assert ALSO in sender.page


def test_the_page_says_what_a_sender_writes(tmp_path):
    page = thing(tmp_path, "$.type = 'x' AND $.schema IN (2, 3)").page
    assert '\n- `$.type`: `"x"`\n- `$.schema`: `2` or `3`\n' in page
