"""`vitalstream quarantine`: rows are shown with their bytes and go through the processor once more, once each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from simulators.mqtt_device import MqttDevice
from tests.integration.commands import run
from tests.running import Installation, installation

SOON_S = 15.0


@pytest.fixture(scope="module")
def site() -> Iterator[Installation]:
    with installation() as made:
        made.up()
        yield made


def answers(site: Installation, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The lines of a command that ends with this exit code."""
    done = run(site, *words)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ledger(site: Installation) -> dict[str, Any]:
    (counts,) = answers(site, "ledger")
    return counts


def soon(check: Callable[[], Any]) -> Any:
    """What `check` gives once it gives something."""
    deadline = time.monotonic() + SOON_S
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def publish(site: Installation, device: str, *texts: str) -> None:
    """Publishes payloads as a device that is registered and nobody's."""
    (made,) = answers(site, "device", "add", device)
    client = MqttDevice(device, made["password"], "json")
    client.connect("127.0.0.1", site.mqtt_port)
    assert client.connected.wait(SOON_S)
    client.publish_elements(list(texts))
    soon(client.idle)
    client.drop()


def rows_of(site: Installation, device: str) -> list[dict[str, Any]]:
    return [row for row in answers(site, "quarantine", "list") if row["device"] == device]


def temperature(value: str, **back: float) -> str:
    at = (datetime.now(UTC) - timedelta(**back)).isoformat()
    return f'{{"metric":"body_temp","value":{value},"unit":"C","at":"{at}","seq":7}}'


def test_a_reading_that_nobody_owns_from_list_to_chart(site: Installation) -> None:
    publish(site, "q-1", temperature("36.60", minutes=10))
    (row,) = soon(lambda: rows_of(site, "q-1"))
    assert (row["reason"], row["decoded"]) == ("no-binding", True)

    (shown,) = answers(site, "quarantine", "show", str(row["key"]))
    assert shown["state"] == "open"
    assert shown["reading"]["metric"] == "body_temp"
    assert (shown["reading"]["value"], shown["reading"]["unit"], shown["reading"]["sequence"]) == ("36.60", "Cel", 7)
    assert bytes.fromhex(shown["raw_hex"]).decode() == shown["preview"]
    assert len(shown["preview"]) == shown["raw_length"]

    # Replayed too early it comes back, as a new row.
    assert answers(site, "quarantine", "replay", str(row["key"])) == [{"key": row["key"], "replayed": True}]
    (again,) = soon(lambda: [one for one in rows_of(site, "q-1") if one["key"] != row["key"]])
    (refused,) = answers(site, "quarantine", "replay", str(row["key"]), code=1)
    assert refused["error"]["code"] == "not-open"
    assert answers(site, "quarantine", "show", str(row["key"]))[0]["state"] == "replayed"
    assert ledger(site)["balanced"]

    # Bound, it finds its patient.
    answers(site, "patient", "add", "owner")
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    answers(site, "device", "add", "q-1", "--patient", "owner", "--since", since)
    if rows_of(site, "q-1"):
        answers(site, "quarantine", "replay", "--device", "q-1")
    headers = site.token()

    def charted() -> list[Any]:
        found = httpx.get(f"{site.url}/fhir/Observation", params={"patient": "owner"}, headers=headers)
        entries: list[Any] = found.json().get("entry", [])
        return entries

    (entry,) = soon(charted)
    assert entry["resource"]["valueQuantity"]["value"] == 36.6
    assert answers(site, "quarantine", "show", str(again["key"]))[0]["state"] == "replayed"
    counts = ledger(site)
    assert (counts["balanced"], counts["pending"], counts["stored"]) == (True, 0, 1)


def test_what_could_not_be_decoded_stays_and_says_why(site: Installation) -> None:
    publish(site, "q-2", "{no json}", temperature("37.0", minutes=3))
    rows = soon(lambda: (found := rows_of(site, "q-2")) and found)
    undecoded = [row for row in rows if not row["decoded"]]
    assert undecoded
    key = undecoded[0]["key"]
    (shown,) = answers(site, "quarantine", "show", str(key))
    assert shown["reading"] is None
    done = run(site, "quarantine", "replay", str(key))
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "not-decoded"
    assert f"row {key}: its bytes could not be read" in done.stderr
    lines = answers(site, "quarantine", "replay", "--device", "q-2", code=1)
    assert {line["key"]: line["replayed"] for line in lines} == {row["key"]: row["decoded"] for row in rows}
    assert ledger(site)["balanced"]


def test_all_are_replayed_once_each(site: Installation) -> None:
    publish(site, "q-3", *(temperature(f"36.{n}", minutes=n + 1) for n in range(5)))
    before = soon(lambda: rows if len(rows := rows_of(site, "q-3")) == 5 else [])
    lines = answers(site, "quarantine", "replay", "--all", code=1)  # one of the other test can't be decoded
    assert {row["key"] for row in before} <= {line["key"] for line in lines if line["replayed"]}
    after = soon(lambda: rows if len(rows := rows_of(site, "q-3")) == 5 else [])
    assert {row["key"] for row in after}.isdisjoint(row["key"] for row in before)
    assert ledger(site)["balanced"]


def test_a_key_that_is_not_there(site: Installation) -> None:
    done = run(site, "quarantine", "show", "999999")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vitalstream: There is no row 999999; look at `vitalstream quarantine list`.\n"
    (line,) = answers(site, "quarantine", "replay", "999999", code=1)
    assert line["error"]["code"] == "no-such-row"
