"""Pushing schemas to a real registry: what a push that was interrupted left undone, the next one does."""

from __future__ import annotations

import json
import urllib.request

import pytest

pytestmark = pytest.mark.system


def asked(method: str, address: str):
    with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=10) as answer:
        return json.load(answer)


def push(scene):
    process = scene.tacet("registry", "push", "--url", scene.registry)
    assert process.wait() == 0, process.said()
    return process.said()


def test_a_subject_whose_level_was_not_set_when_the_push_ended_gets_it_from_the_next_push(scene):
    level = f"{scene.registry}/config/{scene.names['derived']}-value"
    assert asked("GET", level)["compatibilityLevel"] == "BACKWARD_TRANSITIVE"
    asked("DELETE", level)
    first = push(scene)
    assert asked("GET", level)["compatibilityLevel"] == "BACKWARD_TRANSITIVE"
    assert push(scene) == first


def test_a_level_that_a_team_has_set_is_left_alone(scene):
    level = f"{scene.registry}/config/{scene.names['derived']}-value"
    body = json.dumps({"compatibility": "FULL"}).encode()
    request = urllib.request.Request(level, body, {"Content-Type": "application/json"}, method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
    push(scene)
    assert asked("GET", level)["compatibilityLevel"] == "FULL"
