"""Certificates for tests, made with `openssl`: an authority, and what it signs for servers on loopback and for clients."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = "IP:127.0.0.1,DNS:localhost"


def missing() -> str | None:
    """Return what a machine lacks to make certificates, or None."""
    return None if shutil.which("openssl") else "there is no `openssl`"


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, each in a PEM file, and both in one as a Java server takes them."""

    certificate: Path
    key: Path

    @property
    def together(self) -> Path:
        return self.certificate.with_suffix(".both.pem")


@dataclass(frozen=True)
class Authority:
    """Who signs; `certificate` is what others trust."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, name: str, names: str = LOOPBACK, days: int = 2) -> Signed:
        """Make a key and a certificate for the hosts in `names`."""
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        found = Signed(self.folder / f"{name}.pem", key)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl("req", "-new", "-subj", f"/CN={name}", *_key(key), "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", found.certificate,
        )  # fmt: skip
        found.together.write_text(key.read_text() + found.certificate.read_text() + self.certificate.read_text())
        return found


def authority(folder: Path) -> Authority:
    """Make an authority that nobody trusts yet."""
    folder.mkdir(parents=True)
    made = Authority(folder)
    _openssl(
        "req", "-x509", "-subj", f"/CN=authority of {folder.name}", "-days", 2, *_key(folder / "ca.key"), "-out",
        made.certificate,
    )  # fmt: skip
    return made


def _key(path: Path) -> tuple[object, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)
