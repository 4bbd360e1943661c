"""Builds that are broken on purpose: `python -m tests.system.broken NAME ...` is the command with one fault in it.

Each fault is a way in which the commit protocol could be wrong; the campaign's checker must see every one.
"""

from __future__ import annotations

import sys

from tacet.cli import main
from tacet_runtime import exactly_once
from tacet_runtime.connectors import files
from tacet_runtime.connectors.iceberg import data_file, replace_files
from tacet_runtime.engines import run

Store = exactly_once.Warehouse


def no_marker_check() -> None:
    """Intents are applied again to tables that have them."""

    def apply_to(self, table, intent):
        loaded = self.catalog.load_table(table.name)
        found = [
            data_file(loaded, exactly_once.Path(f.path), f.partition) for f in intent.files if f.role == table.role
        ]
        replace_files(loaded, found, (), {f"tacet.seq.{self.plan.job}": str(intent.seq)}, {})

    Store._apply_to = apply_to


def intents_ignored() -> None:
    """What a crash left between two tables is forgotten."""

    def heal(self):
        for path in self.intents():
            path.unlink()
        self._sweep()

    Store._heal = heal
    _no_gap_check()


def no_intent() -> None:
    """Nothing on the disk says what else belongs to a commit."""
    Store._write_intent = lambda _self, _intent: None
    Store._heal = Store._sweep
    _no_gap_check()


def ledger_last() -> None:
    """Tables are committed before the ledger, which is not the commit point any more."""
    exactly_once.ORDER = ("raw", "derived", "rejects", "metrics", "ledger")
    intents_ignored()


def never_swept() -> None:
    """Files of a commit that never was stay behind."""
    Store._sweep = lambda _self: None


def swept_too_much() -> None:
    """An unfinished run's committed files are swept with the others."""
    named = exactly_once.all_paths
    exactly_once.all_paths = lambda table: named(table) if table.name()[-1].endswith("_ledger") else set()


def position_forgotten() -> None:
    """Every start begins at the first message."""
    run.recognised = lambda found, _known, _framing: [(item, files.new_position(item.name)) for item in found]


def position_one_block_early() -> None:
    """The position is the one before the last entry."""
    positions = run.positions
    run.positions = lambda rows: positions(r for r in rows if r["last_offset"] < max(o["last_offset"] for o in rows))


def _no_gap_check() -> None:
    """Also believe every marker: or the command would refuse to go on, which is caught more easily."""

    def apply_to(self, table, intent):
        loaded = self.catalog.load_table(table.name)
        if exactly_once.marker(loaded, self.plan.job) >= intent.seq:
            return
        found = [
            data_file(loaded, exactly_once.Path(f.path), f.partition) for f in intent.files if f.role == table.role
        ]
        replace_files(loaded, found, (), {f"tacet.seq.{self.plan.job}": str(intent.seq)}, {})

    Store._apply_to = apply_to


FAULTS = {
    "no_marker_check": (no_marker_check, "S8:after-raw:2"),
    "intents_ignored": (intents_ignored, "S8:before-derived:2"),
    "no_intent": (no_intent, "S5:after-ledger:2"),
    "ledger_last": (ledger_last, "S5:before-ledger:2"),
    "never_swept": (never_swept, "S3:after:2"),
    "swept_too_much": (swept_too_much, "S3:after:2"),
    "position_forgotten": (position_forgotten, "S9:after:2"),
    "position_one_block_early": (position_one_block_early, "S9:after:2"),
}
"""Name -> the fault, and the point at which a kill must bring it out."""

if __name__ == "__main__":
    FAULTS[sys.argv[1]][0]()
    main(sys.argv[2:])
