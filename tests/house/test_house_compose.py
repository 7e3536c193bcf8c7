"""docker-compose.yml: healthy before used, nothing published to the world, no known password."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT

# The keys that the file uses, from the Compose specification; a misspelt one is not among them.
_SERVICE_KEYS = {
    "build", "image", "environment", "read_only", "tmpfs", "cap_drop", "security_opt", "command",
    "depends_on", "ports", "volumes", "healthcheck", "restart",
}  # fmt: skip
_HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries"}


def load() -> dict[str, Any]:
    """The compose file, with its anchors merged."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def violations(compose: dict[str, Any]) -> Iterator[str]:
    """What a careful reader would object to."""
    services = compose["services"]
    waited_for = {
        (name, condition["condition"])
        for service in services.values()
        for name, condition in service.get("depends_on", {}).items()
    }
    for name, service in services.items():
        if unknown := service.keys() - _SERVICE_KEYS:
            yield f"{name}: unknown {sorted(unknown)}"
        if not service.keys() & {"image", "build"}:
            yield f"{name}: neither image nor build"
        if ":" not in service.get("image", ":") or service.get("image", "").endswith(":latest"):
            yield f"{name}: image without a version"
        runs_on = (name, "service_completed_successfully") not in waited_for
        if runs_on and not service.get("healthcheck", {}).keys() >= _HEALTHCHECK_KEYS:
            yield f"{name}: no complete healthcheck"
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{name}: port {port} is published to the world"
        for key, value in service.get("environment", {}).items():
            if "PASS" in key and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)):
                yield f"{name}: {key} has a default"
            if re.search(r"://[^/\s]*:[^/\s]*@", str(value)):
                yield f"{name}: {key} holds a password"
    for name, _ in waited_for:
        if name not in services:
            yield f"{name} is waited for and does not exist"


def test_the_file_is_sound() -> None:
    assert list(violations(load())) == []


def test_the_app_waits_for_database_and_schema() -> None:
    assert load()["services"]["app"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize(
    ("service", "key", "value", "said"),
    [
        ("app", "prots", [], "app: unknown ['prots']"),
        ("app", "ports", ["8080:8080"], "app: port 8080:8080 is published to the world"),
        ("app", "healthcheck", {"test": ["CMD", "true"]}, "app: no complete healthcheck"),
        (
            "app",
            "depends_on",
            {"no": {"condition": "service_started"}},
            "no is waited for and does not exist",
        ),
        ("database", "environment", {"POSTGRES_PASSWORD": "x"}, "database: POSTGRES_PASSWORD has a default"),
        ("app", "environment", {"DATABASE_URL": "postgresql://a:b@c"}, "app: DATABASE_URL holds a password"),
        ("database", "image", "timescale/timescaledb", "database: image without a version"),
    ],
)
def test_an_unsound_one_is_found(service: str, key: str, value: object, said: str) -> None:
    compose = copy.deepcopy(load())
    compose["services"][service][key] = value
    assert said in list(violations(compose))
