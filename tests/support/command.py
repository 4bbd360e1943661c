"""The command as a person or a script meets it: in a process of its own, or (much faster) called in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TACET = (sys.executable, "-m", "tacet.cli")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds this checkout's packages."""
    found = {k: v for k, v in os.environ.items() if not k.startswith("TACET_")}
    found["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in (".", "codegen", "runtime"))
    return found | more


def tacet(*arguments: str, cwd: Path, stdin: bytes = b"", **env: str) -> Ended:
    """Run `tacet` in a process of its own."""
    done = subprocess.run(
        [*TACET, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=120,
        env=environment(**env),
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def here(capsys, *arguments: str) -> Ended:
    """Call the command in this process and folder."""
    from tacet.cli import main

    capsys.readouterr()
    status: object = 0
    try:
        main(list(arguments))
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    return Ended(int(status or 0), said.out, said.err)
