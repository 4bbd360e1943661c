"""Reading an island file: what is refused, and that no secret is said again while it is."""

from __future__ import annotations

import pytest

from tacet_codegen.diagnostics import render
from tacet_codegen.frontend.island import load_island
from tacet_runtime.connectors.kafka_settings import settings
from tacet_runtime.plan.island import Broker, Catalog, Island, Registry, Security, SettingError, Text, exposed

LOGIN = "protocol: sasl_ssl, mechanism: PLAIN, username: '${env:U}'"


def said(tmp_path, text):
    path = tmp_path / "here.yaml"
    path.write_text(text)
    return render(load_island(path)[1], "text")


@pytest.mark.parametrize(
    "password", ["hunter2", "'hunter2'", "0hunter2", "[hunter2]", "{a: hunter2}", "'${env:A}hunter2'"]
)
def test_a_password_that_is_written_out_is_refused_and_not_said(tmp_path, password):
    text = f'island: here\nkafka: {{bootstrap: "h:1", security: {{{LOGIN}, password: {password}}}}}\n'
    words = said(tmp_path, text)
    assert "error[E219]: password is written out" in words
    assert "hunter2" not in words


@pytest.mark.parametrize("number", ["8675309", "1_000", "2026-01-01"])
def test_a_password_that_yaml_would_retype_is_not_said_either(tmp_path, number):
    text = f'island: here\nkafka: {{bootstrap: "h:1", security: {{{LOGIN}, password: {number}}}}}\n'
    assert number not in said(tmp_path, text)


def test_credentials_in_an_address_are_refused_and_not_said(tmp_path):
    text = 'island: here\nkafka: {bootstrap: "me:hunter2@h:1x"}\nregistry: {url: "http://me:hunter2@h"}\n'
    words = said(tmp_path, text)
    assert words.count("E219") == 2
    assert "hunter2" not in words


@pytest.mark.parametrize(
    "catalog",
    [
        "{type: rest, uri: 'http://127.0.0.1:1/?token=hunter2'}",
        "{type: rest, uri: 'http://h/x?hunter2'}",
        "{type: rest, uri: 'http://me:hunter2@h/x'}",
        "{type: rest, uri: '${env:HOST}/x?token=hunter2'}",
        "{type: rest, uri: 'http://h', properties: {s3.endpoint: 'https://me:hunter2@h'}}",
        "{type: sql, uri: 'postgresql+psycopg2://127.0.0.1:1/x?password=hunter2'}",
        "{type: sql, uri: 'postgresql+psycopg2://127.0.0.1:1/x?pass%77ord=hunter2'}",
        "{type: sql, uri: 'postgresql+psycopg2://me:hunter2@h/x'}",
        "{type: sql, uri: 'postgresql+psycopg2://me:hun/hunter2@h/x'}",
        "{type: sql, uri: 'postgresql+psycopg2://${env:U}:hunter2@${env:H}/x'}",
    ],
)
def test_credentials_in_the_address_of_a_catalog_are_refused_and_not_said(tmp_path, catalog):
    words = said(tmp_path, f'island: here\nkafka: {{bootstrap: "h:1"}}\ncatalog: {catalog}\n')
    assert words.count("error[E219]") == 1
    assert "hunter2" not in words


@pytest.mark.parametrize(
    "catalog",
    [
        "{type: rest, uri: 'http://h:8181/a/b', properties: {s3.endpoint: 'https://h:9000', token: '${env:T}'}}",
        "{type: rest, uri: 'https://${env:HOST}/x'}",
        "{type: rest, uri: '${file:/a@b}'}",
        "{type: sql, uri: 'postgresql+psycopg2://h:1/x?sslmode=require'}",
        "{type: sql, uri: 'sqlite:////tmp/a@b/c.db'}",
    ],
)
def test_an_address_of_a_catalog_without_credentials_is_taken(tmp_path, catalog):
    assert said(tmp_path, f'island: here\nkafka: {{bootstrap: "h:1"}}\ncatalog: {catalog}\n') == ""


def test_a_login_whose_password_is_written_out_is_not_also_called_incomplete(tmp_path):
    text = f'island: here\nkafka: {{bootstrap: "h:1", security: {{{LOGIN}, password: hunter2}}}}\n'
    assert said(tmp_path, text).count("error[") == 1


def test_settings_that_the_protocol_does_not_use_are_refused(tmp_path):
    text = 'island: here\nkafka: {bootstrap: "h:1", security: {protocol: plaintext, ca: a.pem}}\n'
    assert "protocol `plaintext` has no use for ca" in said(tmp_path, text)


@pytest.mark.parametrize(
    ("bootstrap", "protocol", "many"),
    [
        ("127.0.0.1:9092,localhost:9092,[::1]:9092", "plaintext", 0),
        ("broker.example:9092,127.0.0.1:9092", "plaintext", 1),
        ("10.0.0.1:9092", "sasl_plaintext", 1),
        ("localhost.example:9092", "plaintext", 1),
        ("broker.example:9092", "sasl_ssl", 0),
    ],
)
def test_plain_text_to_another_host_is_told(bootstrap, protocol, many):
    island = Island("here", Broker(Text(bootstrap), Security(protocol)))
    assert len(exposed(island)) == many


def test_plain_text_to_a_registry_elsewhere_is_told():
    island = Island("here", Broker(Text("127.0.0.1:1")), Registry(Text("http://schemas.example/apis")))
    assert exposed(island) == ["the registry at http://schemas.example/apis is spoken to in plain text"]


@pytest.mark.parametrize(
    ("use", "value"),
    [
        (lambda text: Registry(text).address(), "https://me:hunter2@schemas.example"),
        (lambda text: Registry(text).address(), "https://schemas.example/?token=hunter2"),
        (lambda text: Catalog("rest", text).address(), "http://127.0.0.1:1/?token=hunter2"),
        (lambda text: Catalog("sql", text).address(), "postgresql+psycopg2://127.0.0.1:1/x?password=hunter2"),
        (lambda text: Catalog("sql", text).address(), "postgresql+psycopg2://me:hunter2@127.0.0.1:1/x"),
        (lambda text: settings(Broker(text)), "me:hunter2@127.0.0.1:1"),
        (lambda text: settings(Broker(text)), "127.0.0.1:1,me:hunter2@127.0.0.1:1"),
        (lambda text: exposed(Island("here", Broker(text))), "me:hunter2@127.0.0.1:1"),
    ],
)
def test_credentials_that_come_by_a_reference_into_an_address_are_refused(monkeypatch, use, value):
    monkeypatch.setenv("WHERE", value)
    with pytest.raises(SettingError) as refused:
        use(Text("${env:WHERE}"))
    assert "hunter2" not in str(refused.value)
