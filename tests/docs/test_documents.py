"""Every fenced block of the documentation is executed, in the repository that the page talks about."""

import re
import shutil

import pytest
import yaml

from tests.support.command import ROOT, here, tacet
from tests.support.documents import PATH, blocks, execute

SKIPPED = {"node_modules", "generated", "templates"}
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if not SKIPPED & set(path.relative_to(ROOT).parts)
)
RUN = [page for page in PAGES if any(b.language in {"sh", "python"} and not b.not_run for b in blocks(page))]


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(request, tmp_path):
    """Return the folder that a page's commands are meant for: an example's own, a new repository, or an empty one."""
    page = request.param
    if page.parent != ROOT / "docs" and page.parent != ROOT:
        shutil.copytree(page.parent, tmp_path / "example", ignore=shutil.ignore_patterns("generated", "warehouse"))
        return tmp_path / "example"
    if any("tacet init" in block.text for block in blocks(page)):
        return tmp_path
    assert tacet("init", "mine", cwd=tmp_path).status == 0
    return tmp_path / "mine"


@pytest.mark.slow
@pytest.mark.parametrize(("page", "folder"), [(p, p) for p in RUN], ids=map(name, RUN), indirect=["folder"])
def test_the_blocks_of_a_page_run(page, folder):
    execute(page, folder)


@pytest.mark.slow
def test_the_readme_of_a_new_repository_runs_too(tmp_path):
    assert tacet("init", "mine", cwd=tmp_path).status == 0
    execute(ROOT / "tacet/templates/README.md", tmp_path / "mine")


WRITTEN = {"docs/contracts.md", "docs/diagnostics.md"}
"""Pages whose `yaml` blocks other tests read."""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_contract_of_a_page_that_is_run_says_which_file_it_is(page):
    found = [b for b in blocks(page) if b.language == "yaml" and name(page) not in WRITTEN]
    assert all(PATH.match(b.text) for b in found)


def test_pages_are_found_and_most_of_their_blocks_run():
    assert {"README.md", "docs/README.md", "examples/rides/README.md"} <= {name(page) for page in PAGES}
    shells = [b for page in PAGES for b in blocks(page) if b.language in {"sh", "python"}]
    assert sum(b.not_run is not None for b in shells) <= 6


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_names_its_language_or_is_what_a_command_says(page):
    assert {b.language for b in blocks(page)} <= {"", "sh", "python", "yaml", "json", "sql", "text"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose)
    assert [t for t in targets if not t.startswith("http") and not (page.parent / t).exists()] == []


def test_the_contracts_of_the_language_page_compile_without_a_finding(tmp_path, monkeypatch, capsys):
    found = [
        yaml.safe_load(b.text) | {"text": b.text} for b in blocks(ROOT / "docs/contracts.md") if b.language == "yaml"
    ]
    for contract in found:
        if "producer" in contract and "event" in contract and "fields" not in contract:
            path = tmp_path / "contracts/venue" / contract["event"] / "producers" / f"{contract['producer']}.yaml"
        else:
            path = (
                tmp_path
                / "contracts/venue"
                / (contract.get("event") or contract["table"])
                / f"{contract['version']}.yaml"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contract["text"])
    (tmp_path / "data").mkdir()
    (tmp_path / "data/shows.csv").write_text("code,title,opens\nhamlet-0001,Hamlet,2026-11-30\n")
    monkeypatch.chdir(tmp_path)
    checked = here(capsys, "check", "--strict", "--today", "2026-11-25")
    assert checked.status == 0, checked.err
    assert here(capsys, "sample", "sold_ticket", "--events", "50", "--out", "e.ndjson").status == 0
    assert here(capsys, "run", "sold_ticket", "--input", "e.ndjson").status == 0
