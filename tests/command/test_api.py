"""`import tacet`: the same results as the command, as values."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tacet
from tacet_runtime.locking import owned
from tests.support.command import environment, here


def test_run_verify_and_explain_return_what_the_command_prints(mine, capsys):
    job = tacet.compile().job("order")
    advanced = []
    counts = job.run(["events"], warehouse="one", advance=advanced.append)
    assert counts == json.loads(here(capsys, "run", "order", "--input", "events", "--warehouse", "two").out)
    assert sum(advanced) == counts["in"] == 11
    assert job.run(["events"], warehouse="one", engine="reference")["already_there"] == 11
    proof = job.verify(warehouse="one")
    assert proof == json.loads(here(capsys, "verify", "order", "--warehouse", "two", "--format", "json").out)
    message = (mine / "examples/kiosk.json").read_bytes()
    said = json.loads(here(capsys, "explain", "order", "examples/kiosk.json").out)
    assert job.explain(message) == said == tacet.explain("order", message)
    assert job.explain(message.decode()) == said


def test_inputs_that_hold_the_warehouse_are_refused(mine):
    with pytest.raises(tacet.Usage, match=r"the warehouse events/wh is in input events"):
        tacet.compile().job("order").run([Path("events")], warehouse="events/wh")
    assert not (mine / "events/wh").exists()


@pytest.mark.parametrize("lock", [True, False])
def test_a_warehouse_that_cannot_be_written_is_proved(mine, monkeypatch, lock):
    job = tacet.compile().job("order")
    job.run(["events"])
    if not lock:
        shutil.rmtree("warehouse/locks")
    opened, made = os.open, Path.mkdir

    def open_to_read(path, flags, *words, **more):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *words, **more)

    def mkdir(path, *words, **more):
        if not path.exists():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        made(path, *words, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_to_read)
        patched.setattr(Path, "mkdir", mkdir)
        assert job.verify()["findings"] == []
        with pytest.raises(tacet.Outside, match="Read-only file system"):
            job.run(["events"])
    if lock:
        with owned(mine / "warehouse", "shop.order"):
            monkeypatch.setattr(os, "open", open_to_read)
            with pytest.raises(tacet.Outside, match=r"another process runs shop\.order"):
                job.verify()


def test_compile_takes_a_repository_or_its_folder_of_contracts(begun):
    whole, folder = tacet.compile(begun), tacet.compile(begun / "contracts")
    assert whole == folder
    assert list(whole.jobs) == ["shop.order"]
    assert whole.jobs["shop.order"] == whole.job("order") == whole.job("shop.order@1.0.0")
    assert "MANIFEST.json" in whole.artefacts()


def test_contracts_that_mean_something_else_are_not_equal(mine):
    before = tacet.compile()
    path = mine / "contracts/shop/order/1.0.0.yaml"
    path.write_text(path.read_text().replace("unit_price * quantity", "unit_price"))
    assert tacet.compile() != before


def test_broken_contracts_are_an_exception_with_every_diagnostic(mine):
    path = mine / "contracts/shop/order/1.0.0.yaml"
    path.write_text(path.read_text().replace("doc:", "dok:").replace("filters:", "filtres:"))
    with pytest.raises(tacet.ContractError) as caught:
        tacet.compile(mine)
    assert len(caught.value.diagnostics) >= 2
    assert all(isinstance(d, tacet.Diagnostic) for d in caught.value.diagnostics)
    assert "did you mean `doc`?" in str(caught.value)


def test_wrong_calls_are_value_errors_and_failures_outside_are_outside(begun, tmp_path):
    compiled = tacet.compile(begun)
    job = compiled.job("order")
    for call in (
        lambda: compiled.job("ordre"),
        lambda: compiled.job("raw_order").run([tmp_path]),
        lambda: job.run(str(tmp_path)),
        lambda: job.run([tmp_path], engine="spark"),
        lambda: job.run([tmp_path], framing="csv"),
        lambda: job.run([tmp_path], workers=0),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert isinstance(caught.value, tacet.Usage)
    for call in (
        lambda: job.run([tmp_path / "nowhere"], warehouse=tmp_path / "w"),
        lambda: job.verify(warehouse=tmp_path / "none"),
    ):
        with pytest.raises(tacet.Outside):
            call()
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        _ = tacet.nothing


def test_an_import_alone_reads_nothing_heavy():
    code = "import sys, tacet; assert tacet.__version__; print([m for m in sys.modules if m.startswith('tacet')])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "['tacet']\n"
