"""A Confluent-compatible schema registry, over its REST interface: look a schema's id up, test it, push it.

The job only ever looks up: nothing that was not checked is registered. Every call has a time limit.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tacet_runtime.connectors.patience import within

if TYPE_CHECKING:
    from tacet_runtime.plan.island import Registry

_TYPE = "application/vnd.schemaregistry.v1+json"
_MOST = 16 * 1024 * 1024
"""Bytes of an answer."""


class RegistryError(Exception):
    """The registry cannot be reached, or answers what it should not; the message names the subject."""


class NotRegistered(RegistryError):  # noqa: N818
    """The schema that was built is not in the registry."""


class Incompatible(Exception):  # noqa: N818
    """The registry refuses a schema; the message has its reasons."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema in the registry."""

    subject: str
    id: int
    version: int


def subject_of(topic: str) -> str:
    """Return the subject of a topic's values (the TopicNameStrategy of Confluent's serializers)."""
    return f"{topic}-value"


class SchemaRegistry:
    """The registry of an island."""

    def __init__(self, settings: Registry, seconds: float) -> None:
        self._url = settings.address()
        self._seconds = seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._hidden: tuple[str, ...] = ()
        """What an answer may say back to us, and we to nobody."""
        if settings.username is not None and settings.password is not None:
            user, password = settings.username.reveal(), settings.password.reveal()
            login = b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()
            self._session.headers["Authorization"] = f"Basic {login}"  # not its `auth`, which knows Latin-1 only
            self._hidden = (login, password, user)
        self._session.verify = settings.ca.value() if settings.ca else True

    def find(self, subject: str, schema: str) -> Registered:
        """Return the id of exactly this schema. Raises NotRegistered, RegistryError."""
        status, answer = self._call("POST", f"/subjects/{quote(subject, safe='')}", {"schema": schema})
        if status == 404:
            raise NotRegistered(f"the schema of {subject} is not in the registry: run `tacet registry push`")
        return self._registered(subject, status, answer)

    def schema(self, identifier: int) -> str:
        """Return the schema of an id. Raises NotRegistered, RegistryError."""
        status, answer = self._call("GET", f"/schemas/ids/{identifier}", None)
        if status == 404:
            raise NotRegistered(f"there is no schema {identifier} in the registry")
        if status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
            raise RegistryError(f"the registry answers {status} to schema {identifier}: {self._shown(answer)}")
        return str(answer["schema"])

    def test(self, subject: str, schema: str) -> None:
        """Ask whether a schema may follow what the subject has. Raises Incompatible, RegistryError."""
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions?verbose=true"
        status, answer = self._call("POST", path, {"schema": schema})
        if status == 404:
            return
        if status != 200 or not isinstance(answer, dict):
            raise RegistryError(f"the registry answers {status} to the test of {subject}: {self._shown(answer)}")
        if answer.get("is_compatible") is not True:
            raise Incompatible(f"{subject}: {self._shown(answer.get('messages') or 'incompatible')}")

    def push(self, subject: str, schema: str) -> Registered:
        """Register a schema; one that is there already keeps its id. Raises Incompatible, RegistryError."""
        status, answer = self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": schema})
        if status in {409, 422}:
            raise Incompatible(f"{subject}: {self._shown(answer)}")
        if status != 200:
            raise RegistryError(f"the registry answers {status} to {subject}: {self._shown(answer)}")
        found = self.find(subject, schema)
        if found.version == 1:
            self._guard(subject)
        return found

    def _guard(self, subject: str) -> None:
        """Ask the registry to refuse breaks of a subject without a level of its own: some compare nothing unless told to."""
        path = f"/config/{quote(subject, safe='')}"
        status, answer = self._call("GET", path, None)
        if status == 200 and isinstance(answer, dict) and answer.get("compatibilityLevel", "NONE") != "NONE":
            return
        status, answer = self._call("PUT", path, {"compatibility": "BACKWARD_TRANSITIVE"})
        if status != 200:
            raise RegistryError(f"the registry answers {status} to the level of {subject}: {self._shown(answer)}")

    def _registered(self, subject: str, status: int, answer: Any) -> Registered:
        match answer:
            case {"id": identifier, "version": version} if status == 200 and _is_id(identifier) and _is_id(version):
                return Registered(subject, identifier, version)
            case _:
                raise RegistryError(f"the registry answers {status} to {subject}: {self._shown(answer)}")

    def _shown(self, answer: Any) -> str:
        try:
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=True)
        except RecursionError:
            return "what nests too deep"
        for secret in self._hidden:
            for form in (secret, json.dumps(secret)[1:-1]):
                text = text.replace(form, "***") if form else text
        return text if len(text) <= 256 else text[:253] + "..."

    def _call(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, Any]:
        try:
            status, content = within(self._seconds, lambda: self._answer(method, path, body))
            if status not in {401, 403}:
                return status, json.loads(content)
        except (requests.RequestException, TimeoutError) as error:
            raise RegistryError(f"the registry at {self._url} cannot be reached: {_reason(error)}") from error
        except (ValueError, RecursionError) as error:
            raise RegistryError(f"the registry at {self._url} does not answer with JSON") from error
        raise RegistryError(
            f"the registry at {self._url} refuses the login ({status}): check `username` and `password`, and what they are allowed"
        )

    def _answer(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, bytes]:
        """Return status and content. Raises RequestException, and ValueError for an answer that is too long."""
        with self._session.request(
            method, self._url + path, json=body, timeout=self._seconds, allow_redirects=False, stream=True,
            headers={"Accept": f"{_TYPE}, application/json", "Content-Type": _TYPE},
        ) as answer:  # fmt: skip
            content = bytearray()
            for part in answer.iter_content(65_536):
                content += part
                if len(content) > _MOST:
                    raise ValueError("too long")
            return answer.status_code, bytes(content)


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 31


def _reason(error: Exception) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate is not accepted"
        case requests.exceptions.Timeout() | TimeoutError():
            return "no answer in time"
        case _:
            return "no connection"
