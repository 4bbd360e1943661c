"""Island files: what they mean, and how they are wrong; a secret is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacet_codegen.frontend.island import load_island
from tacet_runtime.plan.island import Secret, SettingError

WHOLE = """island: eu-1
kafka:
  bootstrap: "a.example:9093,b.example:9093"
  security:
    protocol: sasl_ssl
    mechanism: SCRAM-SHA-512
    username: "${env:WHO}"
    password: "${file:/run/secrets/kafka}"
registry: {url: "https://schemas.example/apis"}
start: latest
pace: {rows: 1000, bytes: 1000000, time: 0.5s, tables: 30s, pending: 10}
patience: {call: 10s}
"""
WRONG = {
    "no kafka": ("island: a\n", "E202", "`kafka`"),
    "unknown key": ("island: a\nkafka: {bootstrap: 'a:1'}\nregistri: {url: 'http://a'}\n", "E201", "registri"),
    "no name": ("island: A_B\nkafka: {bootstrap: 'a:1'}\n", "E204", "A_B"),
    "no port": ("island: a\nkafka: {bootstrap: broker}\n", "E219", "broker"),
    "word": ("island: a\nkafka: {bootstrap: 'a:1', security: {protocol: tls}}\n", "E207", "tls"),
    "sasl without a password": (
        "island: a\nkafka: {bootstrap: 'a:1', security: {protocol: sasl_ssl}}\n",
        "E219",
        "without mechanism",
    ),
    "credentials in an address": (
        "island: a\nkafka: {bootstrap: 'a:1'}\nregistry: {url: 'http://me:canary@a'}\n",
        "E219",
        "credentials",
    ),
    "no seconds": ("island: a\nkafka: {bootstrap: 'a:1'}\npace: {time: soon}\n", "E218", "soon"),
    "session of a heartbeat": (
        "island: a\nkafka: {bootstrap: 'a:1'}\npatience: {session: 1s}\n",
        "E218",
        "session: `1s`",
    ),
    "a list": ("- a\n", "E203", "a list"),
}


def read(tmp_path: Path, text: str):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    return load_island(path)


def test_a_whole_island_is_read(tmp_path):
    island, diagnostics = read(tmp_path, WHOLE)
    assert diagnostics == ()
    assert (island.name, island.start, island.pace.seconds, island.pace.table_seconds) == ("eu-1", "latest", 0.5, 30.0)
    assert island.kafka.security.mechanism == "SCRAM-SHA-512"
    assert island.patience.call_seconds == 10.0


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_with_its_place_and_a_way_out(name, tmp_path):
    text, code, words = WRONG[name]
    island, [found] = read(tmp_path, text)
    assert island is None
    assert (found.code, words in found.message, bool(found.hint)) == (code, True, True)


def test_a_secret_that_is_written_out_is_refused_and_not_repeated(tmp_path):
    text = WHOLE.replace("${file:/run/secrets/kafka}", "canary-7")
    island, diagnostics = read(tmp_path, text)
    assert island is None
    assert "canary-7" not in "".join(str(d) for d in diagnostics)


def test_a_secret_shows_three_stars_and_is_read_when_it_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("A_SECRET", "canary-8")
    secret = Secret("${env:A_SECRET}")
    assert (repr(secret), f"{secret}", secret.reveal()) == ("***", "***", "canary-8")
    (tmp_path / "s").write_text("canary-9\n")
    assert Secret(f"${{file:{tmp_path}/s}}").reveal() == "canary-9"
    with pytest.raises(SettingError, match="NOT_THERE"):
        Secret("${env:NOT_THERE}").reveal()


def test_the_island_of_a_new_repository_is_read():
    template = Path(__file__).resolve().parents[2] / "tacet/templates/islands/local.yaml"
    island, diagnostics = load_island(template)
    assert diagnostics == ()
    assert island.name == "local"
