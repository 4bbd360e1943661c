"""TLS and passwords on a real broker: who is trusted, who is refused, and that no secret is ever written down."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support import certificates, servers
from tests.support.optional import require

pytestmark = pytest.mark.system

CANARY = "canary-7Qz4-secret"
WRONG = "canary-wrong-5Wk1"
USER = "canary-user-93"


@dataclass(frozen=True)
class Secured:
    """A broker with many doors; `good` and `other` are authorities, `client` is signed by `good`."""

    plain: str
    doors: dict[str, str]
    good: certificates.Authority
    other: certificates.Authority
    client: certificates.Signed


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    require(servers.missing() or certificates.missing())
    folder = tmp_path_factory.mktemp("secured")
    good, other = (certificates.authority(folder / name) for name in ("good", "other"))
    ours = _store(good.sign("broker"))
    doors = [
        _door("TLS", "SSL", ours),
        _door("FOREIGN", "SSL", _store(other.sign("stranger"))),
        _door("ELSEWHERE", "SSL", _store(good.sign("elsewhere", "DNS:elsewhere.example"))),
        _door("MUTUAL", "SSL", ours | _trust(good)),
        _door("LOGIN", "SASL_SSL", ours | _logins()),
    ]
    with servers.kafka(folder / "kafka", doors) as plain:
        admin = AdminClient({"bootstrap.servers": plain, "log_level": 0})
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        made = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, scram, CANARY.encode())])
        made[USER].result(20)
        yield Secured(plain, {d.name: d.bootstrap for d in doors}, good, other, good.sign("client"))


def _door(name, protocol, config):
    return servers.Listener(name, protocol, servers.free_port(), config)


def _store(signed):
    return {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(signed.together)}


def _trust(authority):
    where = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(authority.certificate)}
    return {"ssl.client.auth": "required", **where}


def _logins():
    module = "org.apache.kafka.common.security"
    return {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "plain.sasl.jaas.config": f'{module}.plain.PlainLoginModule required user_{USER}="{CANARY}";',
        "scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
    }


@pytest.fixture
def scene(secured, up, zygote, tmp_path):
    from tests.kafka.scene import Scene

    made = Scene(tmp_path, secured.plain, up.registry, zygote)
    made.prepare()
    yield made
    made.close()


def enter(scene, bootstrap, **security):
    """Let the island come in by another door."""
    path = scene.folder / "here.yaml"
    words = ", ".join(f"{name}: '{value}'" for name, value in security.items())
    lines = path.read_text().splitlines()
    lines[1] = f'kafka: {{bootstrap: "{bootstrap}", security: {{{words}}}}}'
    path.write_text("\n".join(lines) + "\n")


def refused(scene, **environment):
    """Run the job, which must end by itself with 3, soon; return what it said."""
    began = time.monotonic()
    process = scene.run(**environment)
    assert process.wait(30) == 3, process.said()
    assert time.monotonic() - began < 12
    assert "Traceback" not in process.said()
    return process.said()


def test_a_broker_whose_certificate_is_signed_by_whom_we_trust_is_accepted(scene, secured):
    enter(scene, secured.doors["TLS"], protocol="ssl", ca=secured.good.certificate)
    scene.produce(60)
    scene.finish()
    assert scene.problems() == []


@pytest.mark.parametrize("door", ["FOREIGN", "ELSEWHERE"])
def test_a_certificate_of_another_authority_or_host_is_refused_with_3(scene, secured, door):
    enter(scene, secured.doors[door], protocol="ssl", ca=secured.good.certificate)
    assert f"the certificate of the broker at {secured.doors[door]} is refused" in refused(scene)


def test_a_certificate_that_the_system_does_not_know_is_refused_without_a_ca(scene, secured):
    enter(scene, secured.doors["TLS"], protocol="ssl")
    assert "is refused: nobody that `ca` names has signed it" in refused(scene)


def test_a_broker_that_asks_for_our_certificate_gets_it(scene, secured):
    door, ca = secured.doors["MUTUAL"], secured.good.certificate
    enter(scene, door, protocol="ssl", ca=ca)
    assert "refuses our certificate: check `certificate` and `key`" in refused(scene)
    enter(scene, door, protocol="ssl", ca=ca, certificate=secured.client.certificate, key=secured.client.key)
    scene.produce(10)
    scene.finish()


def test_a_protocol_that_the_broker_does_not_speak_ends_with_a_reason(scene, secured):
    enter(scene, secured.doors["TLS"], protocol="plaintext")
    assert "is `protocol` right?" in refused(scene)
    enter(scene, secured.plain, protocol="ssl", ca=secured.good.certificate)
    assert "is `protocol` right?" in refused(scene)


def test_a_file_of_certificates_that_is_not_there_is_named(scene, secured):
    enter(scene, secured.doors["TLS"], protocol="ssl", ca=scene.folder / "nowhere.pem")
    assert "settings of Kafka cannot be used: ssl.ca.location failed" in refused(scene)


def login(scene, secured, mechanism, password):
    enter(
        scene, secured.doors["LOGIN"], protocol="sasl_ssl", ca=secured.good.certificate, mechanism=mechanism,
        username="${env:SHOP_USER}", password=password,
    )  # fmt: skip


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_no_secret_is_written_anywhere(scene, secured, mechanism, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text(f"{CANARY}\n")
    login(scene, secured, mechanism, f"${{file:{secret}}}")
    listen = f"127.0.0.1:{servers.free_port()}"
    with (scene.folder / "here.yaml").open("a") as island:
        island.write(f'status: {{listen: "{listen}", log: json}}\n')
    scene.produce(60)
    with command(scene) as process:
        until(lambda: scene.consumed() == scene.ends())
        assert not any(found_in(line) for line in command_lines(process.pid))
        with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
            assert not found_in(answer.read())
    assert process.returncode == 0
    assert scene.problems() == []
    secret.write_text(WRONG)
    assert f"refuses the login with {mechanism}: check mechanism, username and password" in refused(
        scene, SHOP_USER=USER
    )
    assert [path for path in everything(scene) if found_in(path.read_bytes())] == []
    assert not any(found_in(value) for value in messages(scene))


@contextmanager
def command(scene):
    """Run the job as a person does, supervised; then stop it. What it says stands in `said.txt`."""
    words = ["--contracts", scene.folder / "contracts", "run", "sale", "--engine", "reference", "--restarts", "1"]
    words += ["--island", scene.folder / "here.yaml"]
    with (scene.folder / "said.txt").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tacet.cli", *map(str, words)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SHOP_USER": USER},
        )
        try:
            yield process
        finally:
            servers.stop(process, 20)


def command_lines(pid):
    """The command lines of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children
    return [Path(f"/proc/{one}/cmdline").read_bytes() for one in (pid, *children)]


def until(is_so, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def found_in(data):
    return any(secret.encode() in data for secret in (CANARY, WRONG, USER))


def everything(scene):
    """Every file below the repository: what was said, generated, the catalog, data, manifests, table metadata."""
    assert scene.tacet("build").wait() == 0
    paths = [path for path in scene.folder.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in paths}
    assert {".txt", ".db", ".parquet", ".avro", ".json"} <= kinds, kinds
    return paths


def messages(scene):
    """Every message of every topic, outputs and intents, as bytes."""
    from tests.kafka.checker import read_topic

    names = AdminClient({"bootstrap.servers": scene.bootstrap, "log_level": 0}).list_topics(timeout=20).topics
    for name in [n for n in names if scene.prefix in n]:
        for message in read_topic(scene.bootstrap, name):
            yield repr((message.key(), message.value(), message.headers())).encode()


def test_a_mechanism_that_the_broker_does_not_offer_is_named(scene, secured):
    login(scene, secured, "SCRAM-SHA-256", "${env:SHOP_PASSWORD}")
    assert "it offers PLAIN,SCRAM-SHA-512" in refused(scene, SHOP_USER=USER, SHOP_PASSWORD=CANARY)


def test_a_reference_that_leads_nowhere_or_to_nothing_is_named(scene, secured):
    login(scene, secured, "PLAIN", "${env:SHOP_PASSWORD_THAT_IS_NOT_SET}")
    assert "${env:SHOP_PASSWORD_THAT_IS_NOT_SET}, and there is no such variable" in refused(scene, SHOP_USER=USER)
    login(scene, secured, "PLAIN", "${env:SHOP_PASSWORD}")
    assert "names ${env:SHOP_PASSWORD}, which is empty" in refused(scene, SHOP_USER=USER, SHOP_PASSWORD="")
