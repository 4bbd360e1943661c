"""The catalog in a file: what could not be committed was not committed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from pyiceberg.schema import Schema
from sqlalchemy.exc import OperationalError

from tacet_runtime.connectors.iceberg import open_catalog


@pytest.mark.slow
def test_a_commit_that_failed_because_somebody_reads_is_not_seen_by_who_tried_it(tmp_path):
    catalog = open_catalog(tmp_path)
    catalog.create_namespace("shop")
    for name in ("shop.one", "shop.two"):
        catalog.create_table(name, Schema())
    with (
        closing(sqlite3.connect(tmp_path / "catalog.db")) as reader,
        closing(reader.execute("SELECT * FROM iceberg_tables")) as reading,
    ):
        reading.fetchone()  # and no further: it keeps its lock
        with pytest.raises(OperationalError), catalog.load_table("shop.one").transaction() as transaction:
            transaction.set_properties({"marker": "2"})
        assert "marker" not in catalog.load_table("shop.one").properties
    with catalog.load_table("shop.one").transaction() as transaction:
        transaction.set_properties({"marker": "3"})
    assert open_catalog(tmp_path).load_table("shop.one").properties["marker"] == "3"
