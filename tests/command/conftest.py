"""A repository from `tacet init`, where verbs are tried."""

import shutil

import pytest

from tests.support.command import tacet


@pytest.fixture(scope="session")
def begun(tmp_path_factory):
    """Return a repository as it begins; shared, not to be changed."""
    folder = tmp_path_factory.mktemp("begun") / "mine"
    assert tacet("init", "mine", cwd=folder.parent).status == 0
    return folder


@pytest.fixture
def mine(begun, tmp_path, monkeypatch):
    """Return a repository of one's own, and work in it."""
    folder = tmp_path / "mine"
    shutil.copytree(begun, folder)
    monkeypatch.chdir(folder)
    return folder
