"""What `tacet build` writes, compares, prunes, locks and refuses."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tacet.cli import main
from tacet_codegen import frontend
from tacet_codegen.build import build, changes, compile_plan, write
from tacet_runtime.connectors.iceberg import ensure_table, open_catalog
from tacet_runtime.plan.codec import PlanError, decode, encode
from tacet_runtime.plan.model import PLAN_FORMAT
from tests.language.repositories import EVERYTHING, PAGE, ROOT, copied

if TYPE_CHECKING:
    from pathlib import Path

DRAFT = """event: note
version: 1.0.0
status: {status}
owner: {{team: t, notify: ["slack:#t"]}}
doc: A note.
source: {{topic: t, event_time: at}}
producer: {{name: m, version: b, scheme: semver}}
fields:
  id: {{type: long, path: $.id, presence: required, identity: true}}
  m: {{type: string, path: $.m, presence: required}}
  b: {{type: string, path: $.b, presence: required}}
  at: {{type: timestamptz, path: $.at, presence: required}}
{more}"""
TITLE = "  title: {type: string, path: $.title, presence: optional}\n"
TEXT = "  text: {type: string, path: $.text, presence: optional}\n"


def note(root: Path, more: str = TITLE, status: str = "draft") -> Path:
    path = root / "contracts/n/note/1.0.0.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(DRAFT.format(more=more, status=status))
    return path


def tacet(root: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command here, in a folder; return its status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    heard = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
    with contextlib.chdir(root), heard[0], heard[1], pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(str(end.value.code)), out.getvalue(), err.getvalue()


def built(root: Path):
    loaded = frontend.load(root / "contracts")
    assert loaded.repository is not None, loaded.diagnostics
    output = build(loaded.repository)
    write(changes(output, root / "generated", root / "contracts/released.lock"), root / "generated")
    return output


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_check_after_a_build_is_clean_and_a_stale_file_is_a_diff_and_1(tmp_path):
    contract = note(tmp_path)
    assert tacet(tmp_path, "build")[0] == 0
    assert tacet(tmp_path, "build", "--check")[0] == 0
    contract.write_text(contract.read_text().replace("A note.", "One note."))
    status, diff, _ = tacet(tmp_path, "build", "--check")
    assert status == 1
    assert "--- a/generated/avro/n/note/1.0.0.avsc\n+++ b/generated/avro/n/note/1.0.0.avsc\n" in diff
    assert '\n- "doc": "A note.",\n+ "doc": "One note.",\n' in diff


def test_nothing_is_written_when_a_contract_is_wrong(tmp_path):
    note(tmp_path, more="  x: {type: strin, path: $.x, presence: optional}\n")
    status, _, said = tacet(tmp_path, "build")
    assert status == 1
    assert "did you mean `string`?" in said
    assert set(tree(tmp_path)) == {"contracts/n/note/1.0.0.yaml"}


def test_what_is_stale_is_pruned_and_what_is_not_ours_stays(tmp_path):
    note(tmp_path)
    built(tmp_path)
    other = tmp_path / "contracts/n/other/1.0.0.yaml"
    other.parent.mkdir()
    other.write_text(note(tmp_path).read_text().replace("event: note", "event: other"))
    built(tmp_path)
    assert (tmp_path / "generated/avro/n/other/1.0.0.avsc").exists()
    (tmp_path / "generated/docs/n/other/mine.md").write_text("mine")
    (tmp_path / "generated/avro/n/notes.txt").write_text("mine")
    other.unlink()
    built(tmp_path)
    left = set(tree(tmp_path / "generated"))
    assert {path for path in left if "other" in path} == {"docs/n/other/mine.md"}
    assert "avro/n/notes.txt" in left
    assert not (tmp_path / "generated/avro/n/other").exists()


def test_what_no_manifest_names_any_more_is_stale_when_it_is_called_as_a_target_calls_its_own(tmp_path):
    copied(EVERYTHING, tmp_path)
    built(tmp_path)
    (tmp_path / "generated/MANIFEST.json").unlink()
    shutil.rmtree(tmp_path / "contracts")
    note(tmp_path)
    assert tacet(tmp_path, "build", "--check")[0] == 1
    assert tacet(tmp_path, "build")[0] == 0
    assert set(tree(tmp_path / "generated")) == set(built(tmp_path).files)


def test_a_manifest_cannot_make_build_remove_what_is_outside(tmp_path):
    note(tmp_path)
    built(tmp_path)
    kept = tmp_path / "kept"
    kept.write_text("kept")
    manifest = tmp_path / "generated/MANIFEST.json"
    document = json.loads(manifest.read_text())
    document["artefacts"] |= {"../kept": "0", str(kept): "0"}
    manifest.write_text(json.dumps(document))
    built(tmp_path)
    assert kept.read_text() == "kept"


def test_a_link_in_generated_leads_nowhere(tmp_path):
    note(tmp_path / "here")
    built(tmp_path / "here")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "here/generated/avro", elsewhere)
    (tmp_path / "here/generated/avro").symlink_to(elsewhere)
    for path in elsewhere.rglob("*.avsc"):
        path.write_text("another's")
    status, _, said = tacet(tmp_path / "here", "build")
    assert status == 3
    assert "a link leads out of what is generated" in said
    assert {path.read_text() for path in elsewhere.rglob("*.avsc")} == {"another's"}


def test_the_manifest_ties_every_artefact_to_its_bytes_and_every_contract_to_its_own(tmp_path):
    copied(EVERYTHING, tmp_path)
    output = built(tmp_path)
    manifest = json.loads(output.files["MANIFEST.json"])
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in tree(tmp_path / "generated").items()}
    assert manifest["artefacts"] == {path: digest for path, digest in digests.items() if path != "MANIFEST.json"}
    contracts = {
        f"contracts/{p}": hashlib.sha256(d).hexdigest()
        for p, d in tree(tmp_path / "contracts").items()
        if p.count("/") > 1
    }
    assert manifest["contracts"] == contracts


def test_the_first_release_is_a_status_and_a_build_and_both_say_so(tmp_path):
    contract = note(tmp_path, status="released")
    assert "1 released and not in released.lock yet: `tacet build` locks them" in tacet(tmp_path, "check")[2]
    assert "contracts/n/note/1.0.0.yaml is released" in tacet(tmp_path, "build")[2]
    assert "not in released.lock" not in tacet(tmp_path, "check")[2]
    contract.write_text(contract.read_text().replace("A note.", "Another note."))
    status, _, said = tacet(tmp_path, "build")
    assert status == 1
    assert "error[E601]: released file `contracts/n/note/1.0.0.yaml` was changed" in said
    assert "put the change into a new version" in said


def test_the_id_of_a_field_that_is_gone_is_never_given_again(tmp_path):
    note(tmp_path, more=TITLE)
    built(tmp_path)
    before = json.loads((tmp_path / "contracts/released.lock").read_text())["ids"]["n.note"]
    note(tmp_path, more=TEXT)
    built(tmp_path)
    after = json.loads((tmp_path / "contracts/released.lock").read_text())["ids"]["n.note"]
    assert after["title"] == before["title"]
    assert after["text"] > max(before.values())


def test_a_plan_of_another_format_is_refused_with_both_numbers(tmp_path):
    note(tmp_path)
    loaded = frontend.load(tmp_path / "contracts")
    assert loaded.repository is not None
    plan = compile_plan(loaded.repository.jobs[0], loaded.repository.lock)
    assert decode(encode(plan)) == plan
    with pytest.raises(PlanError, match=rf"plan format {PLAN_FORMAT + 1}, this runtime reads {PLAN_FORMAT}"):
        decode(encode(msgspec.structs.replace(plan, format=PLAN_FORMAT + 1)))


@pytest.mark.parametrize("source", [EVERYTHING, PAGE], ids=["everything", "page"])
def test_iceberg_tables_are_made_with_the_ids_of_the_lock(tmp_path, source):
    """pyiceberg numbers a new table's columns itself: what is asserted is the table that then exists."""
    copied(source, tmp_path)
    output = built(tmp_path)
    lock = json.loads(output.lock)["ids"]
    loaded = frontend.load(tmp_path / "contracts")
    assert loaded.repository is not None
    catalog = open_catalog(tmp_path / "warehouse")
    for job in loaded.repository.jobs:
        for sink in compile_plan(job, loaded.repository.lock).tables:
            table = ensure_table(catalog, sink)
            said = json.loads(output.files[f"iceberg/{sink.name}.json"])
            made = json.loads(table.schema().model_dump_json(by_alias=True))
            assert made["fields"] == said["schema"]["fields"]
            assert {f["name"]: f["id"] for f in made["fields"]} == {
                f["name"]: lock[sink.name][f["name"]] for f in made["fields"]
            }
            fields = json.loads(table.spec().model_dump_json(by_alias=True))["fields"]
            assert fields == [dict(f) for f in said["partition-spec"]]
            order = json.loads(table.sort_order().model_dump_json(by_alias=True))["fields"]
            assert order == said["sort-order"]


@pytest.mark.slow
def test_the_same_contracts_give_the_same_bytes_in_another_folder_under_another_hash_seed_on_another_day(tmp_path):
    one, other = tmp_path / "one", tmp_path / "a longer name" / "other"
    trees = []
    for root, seed in ((one, "1"), (other, "77")):
        copied(EVERYTHING, root)
        done = subprocess.run(
            [sys.executable, "-m", "tacet.cli", "build"], cwd=root, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        trees.append({**tree(root / "generated"), "lock": (root / "contracts/released.lock").read_bytes()})
    assert trees[0] == trees[1]
    assert str(tmp_path).encode() not in b"".join(trees[0].values())


def test_the_compiler_asks_no_clock_no_chance_and_no_host():
    asked = (
        "now(",
        "today(",
        "time.time",
        "import time",
        "random",
        "getenv",
        "environ",
        "gethostname",
        "getpass",
        "uuid4",
    )
    files = sorted((ROOT / "codegen").rglob("*.py"))
    found = [(file.name, word) for file in files for word in asked if word in file.read_text()]
    assert found == []
