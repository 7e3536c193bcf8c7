"""Registry and inspection commands, on a stopped installation and beside a running `up`: the same contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.commands import run
from tests.running import Installation, installation
from vitalstream.settings import SETTINGS

#: 160 bits in base32.
SECRET = re.compile(r"[A-Z2-7]{32}")


@pytest.fixture(scope="module", params=["stopped", "beside a running up"])
def site(request: pytest.FixtureRequest) -> Iterator[Installation]:
    with installation() as made:
        if request.param == "stopped":
            # The first command makes the data; later ones start and stop it.
            assert answer(made, "migrate")["applied"] != []
        else:
            made.up()
        yield made


def answer(site: Installation, *words: str) -> dict[str, Any]:
    """The one object that a command which must succeed prints; it has nothing to say to people."""
    done = run(site, *words)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    made: dict[str, Any] = json.loads(line)
    return made


def refused(site: Installation, *words: str) -> str:
    """What a command that must exit 1 says to people; nothing goes to machines."""
    done = run(site, *words)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("vitalstream: "), "one clear line, no traceback"
    assert done.stderr.count("\n") == 1
    return done.stderr


def instant(**back: float) -> str:
    return (datetime.now(UTC) - timedelta(**back)).isoformat()


def test_a_patient_is_added_once(site: Installation) -> None:
    words = ["patient", "add", "ada", "--name", "Ada Novak", "--born", "1951-03-28", "--sex", "female"]
    words += ["--zone", "Europe/Berlin", "--programme", "copd", "--programme", "hypertension", "--spo2-target", "88-92"]
    words += ["--identifier", "urn:example:mrn|1234", "--identifier", "urn:example:study|x|7"]
    assert answer(site, *words) == {"patient": "ada"}
    assert "registered already" in refused(site, "patient", "add", "ada")
    assert answer(site, "patient", "add", "eva", "--pregnant") == {"patient": "eva"}
    if site.process is not None:
        found = httpx.get(f"{site.url}/fhir/Patient/ada", headers=site.token())
        assert found.status_code == 200, "what serves knows at once"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["patient", "add", "a b"], "letters, digits"),
        (["patient", "add", "x", "--identifier", "1234"], "SYSTEM|VALUE"),
        (["patient", "add", "x", "--zone", "Mars/Base"], "Europe/Berlin"),
        (["patient", "add", "x", "--programme", "knitting"], "copd"),
        (["device", "add", "a/b"], "letters, digits"),
        (["device", "add", "new", "--patient", "nobody"], "patient add"),
        (["device", "return", "nowhere"], "no device"),
        (["token", "add", "--role", "boss"], "clinician, patient, administrator"),
        (["token", "add", "--role", "patient"], "needs the patient"),
        (["user", "add", "x", "--role", "boss"], "clinician, patient, administrator"),
        (["user", "add", "x", "--role", "patient", "--patient", "nobody"], "no patient"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_t_be_registered_exits_1(site: Installation, words: list[str], said: str) -> None:
    assert said in refused(site, *words)


def test_a_device_from_registration_to_return(site: Installation) -> None:
    answer(site, "patient", "add", "first")
    answer(site, "patient", "add", "second")
    made = answer(site, "device", "add", "cuff", "--patient", "first", "--since", instant(days=3))
    assert made.keys() == {"device_id", "username", "password"}
    assert (made["device_id"], made["username"]) == ("cuff", "cuff")
    assert SECRET.fullmatch(made["password"])

    # A known device with a patient: the binding moves on and the password rotates.
    moved = answer(site, "device", "add", "cuff", "--patient", "second", "--since", instant(days=1))
    assert moved["password"] != made["password"]
    assert "can't overlap" in refused(site, "device", "add", "cuff", "--patient", "first", "--since", instant(days=2))
    assert "can't overlap" in refused(site, "device", "return", "cuff", "--at", instant(days=2))

    ended = answer(site, "device", "return", "cuff", "--at", instant(hours=2))
    assert (ended["device_id"], ended["patient"]) == ("cuff", "second")
    assert "not bound" in refused(site, "device", "return", "cuff")
    # Free again since two hours ago, not before.
    assert "can't overlap" in refused(site, "device", "add", "cuff", "--patient", "first", "--since", instant(hours=3))
    assert (
        answer(site, "device", "add", "cuff", "--patient", "first", "--since", instant(hours=1))["username"] == "cuff"
    )


def test_a_new_device_is_bound_from_five_minutes_before(site: Installation) -> None:
    answer(site, "patient", "add", "early")
    answer(site, "device", "add", "early-d", "--patient", "early")
    # Its binding began about 5 min ago: it can end 4 min ago, which a binding from now on could not.
    assert answer(site, "device", "return", "early-d", "--at", instant(minutes=4))["patient"] == "early"


def test_tokens_and_accounts_are_printed_once(site: Installation) -> None:
    token = answer(site, "token", "add", "--role", "clinician", "--days", "1")
    assert token.keys() == {"token"} and SECRET.fullmatch(token["token"])
    answer(site, "patient", "add", "eve")
    assert SECRET.fullmatch(answer(site, "token", "add", "--role", "patient", "--patient", "eve")["token"])
    user = answer(site, "user", "add", "nurse", "--role", "clinician")
    assert user.keys() == {"user", "password"} and user["user"] == "nurse" and len(user["password"]) >= 20
    assert "exists already" in refused(site, "user", "add", "nurse", "--role", "administrator")
    assert "1 to 3650 days" in refused(site, "token", "add", "--role", "clinician", "--days", "-3")


def test_the_ledger_is_one_object(site: Installation) -> None:
    counts = answer(site, "ledger")
    assert counts.keys() == {"received", "stored", "duplicates", "quarantined", "pending", "refused", "balanced"}
    assert counts["balanced"] is True


def test_quarantine_of_an_untouched_installation_is_empty(site: Installation) -> None:
    done = run(site, "quarantine", "list")
    assert (done.returncode, done.stdout) == (0, "")


def test_migrate_again_changes_nothing(site: Installation) -> None:
    report = answer(site, "migrate")
    assert report["applied"] == []
    assert report["engine"] == "postgresql"


def findings(site: Installation, exit_code: int, **env: str) -> dict[str, dict[str, Any]]:
    done = run(site, "doctor", **env)
    assert done.returncode == exit_code
    assert "Traceback" not in done.stderr
    found = {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert all(line.keys() == {"check", "ok", "detail", "advice"} for line in found.values())
    return found


def test_doctor_lists_every_setting_and_hides_secrets(site: Installation) -> None:
    done = run(site, "doctor", VITALSTREAM_EMR_TOKEN="s3cret-token")
    assert done.returncode == 0
    assert "s3cret-token" not in done.stdout + done.stderr
    found = findings(site, 0)
    assert [setting.name for setting in SETTINGS if setting.name not in found] == []
    assert str(site.data_dir) in found["VITALSTREAM_DATA_DIR"]["detail"]
    for check in ("database", "schema", "ledger", "identities"):
        assert found[check]["ok"], found[check]


def test_doctor_says_what_is_wrong_and_what_to_do(site: Installation) -> None:
    found = findings(site, 1, DATABASE_URL="postgresql://monitor:s3cret@127.0.0.1:1/ward")
    assert found["database"]["ok"] is False
    assert "DATABASE_URL" in found["database"]["advice"]
    assert "s3cret" not in json.dumps(found)
