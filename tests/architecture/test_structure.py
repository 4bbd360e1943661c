"""The rules that the repository's own structure keeps: sizes, first lines, who prints, who imports what, what is pinned."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, environment

PACKAGES = ("tacet", "codegen/tacet_codegen", "runtime/tacet_runtime")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OURS = sorted([*MODULES, *(p for part in ("bench", "examples") for p in (ROOT / part).rglob("*.py"))])
MACHINE = re.compile(
    r"(?<![\w.])/(?:home|Users|root|work)/\w|https?://(?!127\.0\.0\.1|localhost)[\w.-]*(?:pypi|index|proxy|mirror|simple|registry|artifactory|nexus)[\w.-]*[:/]|--(?:extra-)?index-url|--find-links"
)
HEAVY = {
    "duckdb": "runtime/tacet_runtime/engines/embedded",
    "pyiceberg": "runtime/tacet_runtime/connectors/iceberg",
    "datamodel_code_generator": "codegen/tacet_codegen/targets/models.py",
    "pyflink": "runtime/tacet_runtime/engines/flink.py",
    "confluent_kafka": "runtime/tacet_runtime/connectors/kafka",
    "numba": "runtime/tacet_runtime/native.py",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports when it runs, wherever in it; not those for types alone."""
    found = set()
    nodes = list(ast.iter_child_nodes(tree(path)))
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
        nodes += ast.iter_child_nodes(node)
    return found


def tracked() -> list[Path]:
    """Return what belongs to the repository; without git (an export), what is there and not made by a tool."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / entry for entry in listed.split("\0") if entry]
    else:
        skipped = {".venv", "demo", "warehouse", "dist"}
        paths = [
            p for p in ROOT.rglob("*") if not any(q.startswith(".") or q in skipped for q in p.relative_to(ROOT).parts)
        ]
    return [path for path in paths if path.is_file()]


def test_modules_are_found():
    assert len(MODULES) > 100


LONG: dict[str, int] = {}
"""Modules that are to be split; each may not grow meanwhile."""


@pytest.mark.parametrize("path", OURS, ids=name)
def test_a_module_says_in_its_first_line_what_it_is_for_and_is_not_too_long(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= LONG.get(name(path), 400)
    if lines:
        assert lines[0].startswith('"""'), "begins with its docstring"
        assert len(lines[0]) > 20


@pytest.mark.parametrize("path", [m for m in MODULES if not name(m).startswith("tacet/")], ids=name)
def test_only_the_command_prints_exits_and_reads_arguments(path):
    said = set()
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"print", "exit", "quit", "input"}
        ):
            said.add(node.func.id)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {
            "sys.exit",
            "sys.argv",
            "sys.stdout",
            "sys.stderr",
        }:
            said.add(ast.unparse(node))
        if isinstance(node, ast.Name) and node.id == "SystemExit":
            said.add(node.id)
    assert said == set()


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_imported_in_its_own_place_alone(package):
    places = [name(path) for path in MODULES if package in imported(path)]
    outside = [place for place in places if not place.startswith(HEAVY[package])]
    assert set(outside) <= ALSO.get(package, set())


ALSO = {
    "duckdb": {
        "runtime/tacet_runtime/history.py",  # finds messages by their time in files of the raw archive
        "runtime/tacet_runtime/verify.py",  # proves the accounting over Parquet files
        "tacet/failures.py",  # the name of its exception
    },
    "pyiceberg": {
        "runtime/tacet_runtime/exactly_once.py",  # types alone
        "runtime/tacet_runtime/maintenance.py",  # expires snapshots
        "runtime/tacet_runtime/verify.py",  # the name of its exception
        "tacet/failures.py",  # the name of its exception
    },
}
"""Further places, each with its reason."""


def test_the_import_contracts_hold_and_each_package_is_under_one():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"Contracts: [4-9] kept, 0 broken", done.stdout)


def test_no_tracked_file_names_a_folder_of_a_machine_or_a_package_index():
    own = Path(__file__).resolve()
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        if path != own:
            found += [f"{name(path)}: {hit.group()}" for hit in MACHINE.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("see /home/someone/x", True),
        ("pip --index-url x", True),
        ("https://pypi.example.org/simple", True),
        ("GET /homepage", False),
        ("http://127.0.0.1:8081/registry/", False),
        ("the root/work folder", False),
    ],
)
def test_the_search_for_machines_finds_them(text, hit):
    assert bool(MACHINE.search(text)) is hit


def test_the_changelog_has_a_place_for_what_comes_next():
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    assert "## Unreleased" in lines
    assert [line for line in lines if line.startswith(("<<<", ">>>"))] == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name)
def test_requirements_are_pinned_and_name_no_index(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert [
        line
        for line in lines
        if not re.fullmatch(r"(-r [a-z]+\.txt|[A-Za-z0-9._-]+(\[[a-z,-]+\])?==[0-9][A-Za-z0-9.+!]*)", line)
    ] == []


def test_what_the_product_depends_on_is_pinned():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=]", d)[0].lower() for d in project["dependencies"]}
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "requirements/runtime.txt").read_text().splitlines()}
    assert wanted <= pinned


HEAVY_MODULES = ("duckdb", "pyarrow", "pyiceberg", "numpy", "sqlalchemy", "numba")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["check"]], ids=" ".join)
def test_what_needs_no_engine_imports_none(arguments):
    code = f"""
import sys
from tacet.cli import main
try:
    main({arguments!r})
except SystemExit as ended:
    assert not ended.code, ended.code
print("imported", *[m for m in {HEAVY_MODULES!r} if m in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "imported"


WORDS = re.compile(
    r"impression|artwork|billboard|tvos|profile_id|title_id|streaming service|hero.rail|\bimp-|row_index|android",
    re.IGNORECASE,
)


def test_nothing_in_the_product_knows_the_reference_application():
    shipped = [
        p for package in PACKAGES for p in (ROOT / package).rglob("*") if p.suffix not in {".pyc", ".nbc", ".nbi", ""}
    ]
    found = [f"{name(p)}: {hit.group()}" for p in shipped for hit in WORDS.finditer(p.read_text())]
    assert found == []
    assert WORDS.search((ROOT / "contracts/impressions/raw_impression/1.0.0.yaml").read_text())


def test_make_check_and_make_test_share_one_static_part_and_ci_runs_make_test():
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^check: static ", text, re.MULTILINE)
    assert re.search(r"^test: static ", text, re.MULTILINE)
    for tool in ("ruff check", "mypy", "lint-imports", "build --check"):
        assert text.count(f"/{tool}") + text.count(f"tacet {tool}") == 1, tool
    ci = ROOT / ".ci/run"
    assert "make test" in ci.read_text()
    assert ci.stat().st_mode & 0o111
