"""Who gets in: denied by default, roles, scope, sign-in, CSRF, limits, headers, audit rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from api import sign_in
from api.permissions import PUBLIC, roles_for
from tests.api_site import Site, open_site

CSRF = {"X-Requested-With": "vitalstream"}


@pytest.fixture
async def site(database_dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>page</title>")
    (static / "assets" / "app-1.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    async with open_site(database_dsn, static) as site:
        yield site


def routes(site: Site) -> Iterator[tuple[str, str]]:
    """Every method and template, with ids filled in."""
    for route in site.app.router.routes:
        yield from _routes_of(route, "")


def _routes_of(route: object, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(route, APIRoute):
        for method in sorted(route.methods or ()):
            yield method, prefix + route.path
        return
    inner = getattr(route, "original_router", None)
    assert inner is not None, f"a route that the test can't look into: {route!r}"
    for each in inner.routes:
        yield from _routes_of(each, prefix)


def address(template: str) -> str:
    alert = "00000000-0000-0000-0000-000000000001"
    return (
        template.replace("{patient}", "p-001")
        .replace("{alert}", alert)
        .replace("{observation}", alert)
        .replace("{id}", alert)
        .replace("{device}", "d-1")
        .replace("{path:path}", "api/unknown")
    )


async def test_every_route_is_denied_without_sign_in(site: Site) -> None:
    seen = 0
    for method, template in routes(site):
        path = address(template)
        if roles_for(method, template, path) == PUBLIC:
            continue
        seen += 1
        for headers in ({}, {"Authorization": "Bearer WRONG"}, {"Cookie": "vs_session=WRONG"}):
            response = await site.client.request(method, path, headers=headers)
            assert response.status_code == 401, (method, template)
    assert seen >= 22


async def test_every_route_is_denied_to_roles_that_the_table_does_not_name(site: Site) -> None:
    await site.patient()
    tokens = {
        "clinician": await site.token("clinician"),
        "administrator": await site.token("administrator"),
        "patient": await site.token("patient", "p-001"),
    }
    refused = set()
    for method, template in routes(site):
        path = address(template)
        allowed = roles_for(method, template, path)
        assert allowed is not None, f"{method} {template} is in no table"
        if allowed == PUBLIC:
            continue
        for role in tokens.keys() - allowed:
            response = await site.client.request(method, path, headers=tokens[role])
            assert response.status_code == 403, (method, template, role)
            refused.add((role, template))
    assert refused == {
        ("patient", "/api/openapi.json"),
        ("patient", "/api/alerts/{alert}/acknowledge"),
        ("administrator", "/api/alerts/{alert}/acknowledge"),
        ("patient", "/api/alerts/{alert}/close"),
        ("administrator", "/api/alerts/{alert}/close"),
        ("patient", "/api/observations/{observation}/wrong"),
        ("administrator", "/api/observations/{observation}/wrong"),
        ("administrator", "/api/patients/{patient}/readings"),
        ("patient", "/api/gateways"),
        ("patient", "/api/devices"),
        *(("patient", f"/api/devices/{{device}}/{act}") for act in ("kit", "claim-code", "return")),
        ("administrator", "/api/claims/look"),
        ("administrator", "/api/claims"),
        ("administrator", "/api/claims/{device}"),
        *(("administrator", f"/api/claims/{{device}}/{act}") for act in ("confirm", "not-mine", "cancel")),
    }


async def test_a_route_that_is_in_no_table_answers_nobody(site: Site) -> None:
    async def forgotten() -> str:
        return "patient data"

    site.app.add_api_route("/api/forgotten", forgotten)
    site.app.router.routes.insert(0, site.app.router.routes.pop())
    response = await site.client.get("/api/forgotten", headers=await site.token("administrator"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")


async def test_sign_in_me_and_out(site: Site) -> None:
    made = await site.user("nurse")
    response = await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    assert response.status_code == 200
    me = response.json()
    assert {**me, "server_time": ""} == {
        "user": "nurse",
        "role": "clinician",
        "patient": None,
        "simulated": True,
        "server_time": "",
    }
    cookie = response.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert (await site.client.get("/api/me")).json()["user"] == "nurse"
    assert (await site.client.post("/api/sign-out", headers=CSRF)).status_code == 204
    site.client.cookies.set("vs_session", cookie.split("=", 1)[1].split(";")[0])
    gone = await site.client.get("/api/me")
    assert (gone.status_code, gone.json()["error"]["code"]) == (401, "signed-out")


async def test_a_cookie_alone_writes_nothing(site: Site) -> None:
    made = await site.user("nurse")
    await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    for headers in ({}, {"X-Requested-With": "XMLHttpRequest"}):
        response = await site.client.post("/api/sign-out", headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "csrf")
    assert (await site.client.get("/api/me")).status_code == 200


async def test_wrong_credentials_then_slow_down(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = await site.user("nurse")
    wrong = {"user": "nurse", "password": "not-the-password"}
    for _ in range(5):
        response = await site.client.post("/api/sign-in", json=wrong)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "wrong-credentials")
    right = {"user": "nurse", "password": made.password}
    response = await site.client.post("/api/sign-in", json=right)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "slow-down")
    assert 1 <= response.json()["error"]["retry_after_s"] <= 5
    assert response.headers["retry-after"] == str(response.json()["error"]["retry_after_s"])
    other = await site.user("doctor")
    response = await site.client.post("/api/sign-in", json={"user": "doctor", "password": other.password})
    assert response.status_code == 200
    assert [row[3] for row in site.audit()] == ["refused"] * 6 + ["ok"]
    assert made.password not in caplog.text
    assert "not-the-password" not in caplog.text


async def test_tries_sent_side_by_side_count_too(site: Site) -> None:
    tries = [site.client.post("/api/sign-in", json={"user": "nobody", "password": str(i)}) for i in range(10)]
    statuses = sorted([response.status_code for response in await asyncio.gather(*tries)])
    assert statuses == [401] * 5 + [429] * 5


async def test_what_sign_in_cannot_read_is_not_echoed(site: Site) -> None:
    for body in (
        {"user": "nurse", "password": ["s3cret"]},
        {"password": "s3cret"},
        {"user": "n", "password": "s3cret" * 99},
    ):
        response = await site.client.post("/api/sign-in", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "bad-request")
        assert "s3cret" not in response.text


async def test_a_disabled_account_is_out_at_once(site: Site) -> None:
    made = await site.user("nurse")
    await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    site.sql("UPDATE account SET disabled_at = now()")
    assert (await site.client.get("/api/me")).status_code == 401
    response = await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    assert response.status_code == 401


@pytest.mark.parametrize("change", ["expires_at = now() - interval '1 second'", "revoked_at = now()"])
async def test_an_ended_token_is_out(site: Site, change: str) -> None:
    headers = await site.token()
    assert (await site.client.get("/api/me", headers=headers)).status_code == 200
    site.sql(f"UPDATE token SET {change}")
    assert (await site.client.get("/api/me", headers=headers)).status_code == 401


async def test_an_expired_session_is_out_and_removed(site: Site) -> None:
    made = await site.user("nurse")
    await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    site.sql("UPDATE web_session SET expires_at = now() - interval '1 second'")
    assert (await site.client.get("/api/me")).status_code == 401
    await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    assert len(site.sql("SELECT sha256 FROM web_session")) == 1


async def test_a_patient_sees_only_the_own_data(site: Site) -> None:
    for patient, device in (("p-001", "d-1"), ("p-002", "d-2")):
        await site.patient(patient)
        await site.device(device, patient)
        site.reading(95, patient=patient, device=device)
        site.alert(patient=patient)
    headers = await site.token("patient", "p-001")
    rows = (await site.client.get("/api/worklist", headers=headers)).json()["rows"]
    assert [row["patient"] for row in rows] == ["p-001"]
    alerts = (await site.client.get("/api/alerts", headers=headers)).json()["alerts"]
    assert [alert["patient"] for alert in alerts] == ["p-001"]
    for path in ("/api/patients/p-002", "/api/patients/p-002/series", "/api/alerts?patient=p-002", "/api/patients/p-9"):
        response = await site.client.get(path, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden"), path
    other = site.sql("SELECT a.id FROM alert a JOIN patient p ON p.key = a.patient WHERE p.id = 'p-002'")[0]["id"]
    assert (await site.client.get(f"/api/alerts/{other}", headers=headers)).status_code == 404


async def test_organisations_and_teams_do_not_see_each_other(site: Site) -> None:
    for patient, device in (("p-001", "d-1"), ("p-002", "d-2"), ("p-003", "d-3")):
        await site.patient(patient)
        await site.device(device, patient)
        site.reading(95, patient=patient, device=device)
    foreign = site.alert(patient="p-002")
    other = site.organisation("p-002")
    team = site.sql("INSERT INTO team (organisation, name) VALUES (1, 'second') RETURNING key")[0]["key"]
    site.sql("UPDATE enrolment SET team = %s WHERE patient = (SELECT key FROM patient WHERE id = 'p-003')", [team])
    made = await site.user("nurse")
    await site.client.post("/api/sign-in", json={"user": "nurse", "password": made.password})
    nurse: dict[str, str] = {}

    async def patients(headers: dict[str, str]) -> list[str]:
        rows = (await site.client.get("/api/worklist", headers=headers)).json()["rows"]
        return sorted(row["patient"] for row in rows)

    assert await patients(nurse) == ["p-001"]
    assert await patients(await site.token()) == ["p-001", "p-003"]
    for path in (
        "/api/patients/p-002",
        "/api/patients/p-003/series",
        f"/api/alerts/{foreign}",
        "/api/alerts?patient=p-003",
    ):
        assert (await site.client.get(path)).status_code == 404, path
    response = await site.client.post(f"/api/alerts/{foreign}/acknowledge", headers=CSRF)
    assert response.status_code == 404
    assert site.sql("SELECT key FROM alert_act") == []
    theirs = await site.token()
    site.sql("UPDATE token SET organisation = %s WHERE key = (SELECT max(key) FROM token)", [other])
    assert await patients(theirs) == ["p-002"]
    assert (await site.client.get(f"/api/alerts/{foreign}", headers=theirs)).status_code == 200


async def test_each_read_and_write_leaves_one_audit_row(site: Site) -> None:
    key = await site.patient()
    alert = site.alert()
    headers = await site.token()
    unknown = "00000000-0000-0000-0000-000000000000"
    asked = [
        ("GET", "/api/worklist", ("search", "Worklist", "ok")),
        ("GET", "/api/patients/p-001", ("read", "Patient/p-001", "ok")),
        ("GET", "/api/patients/p-404", ("read", "Patient/p-404", "not-found")),
        ("GET", "/api/patients/p-001/series?hours=6", ("read", "Patient/p-001/series", "ok")),
        ("GET", "/api/patients/p-001/series?hours=7", ("read", "Patient/p-001/series", "failed")),
        ("GET", "/api/alerts?patient=p-001", ("search", "Alert", "ok")),
        ("GET", f"/api/alerts/{alert}", ("read", f"Alert/{alert}", "ok")),
        ("GET", f"/api/alerts/{unknown}", ("read", f"Alert/{unknown}", "not-found")),
        ("POST", f"/api/alerts/{alert}/acknowledge", ("write", f"Alert/{alert}/acknowledge", "ok")),
        ("POST", f"/api/alerts/{alert}/acknowledge", ("write", f"Alert/{alert}/acknowledge", "conflict")),
    ]
    for method, path, _ in asked:
        await site.client.request(method, path, headers=headers)
    assert site.audit() == [("clinician", *expected) for _, _, expected in asked]
    rows = site.sql("SELECT actor, patient FROM audit WHERE resource <> 'Worklist' AND outcome IN ('ok', 'conflict')")
    assert {row["patient"] for row in rows} == {key}
    assert {row["actor"] for row in rows} == {"token-1"}


async def test_refused_requests_leave_audit_rows_too(site: Site) -> None:
    await site.patient()
    await site.client.get("/api/patients/p-001")
    await site.client.get("/api/patients/p-002", headers=await site.token("patient", "p-001"))
    assert site.audit() == [
        ("patient", "read", "/api/patients/p-001", "refused"),
        ("patient", "read", "Patient/p-002", "refused"),
    ]
    assert site.sql("SELECT actor FROM audit ORDER BY key")[0]["actor"] == "nobody"


async def test_security_headers_and_body_limit(site: Site) -> None:
    for path in ("/api/me", "/healthz", "/", "/fhir/Patient"):
        headers = (await site.client.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert (await site.client.get("/api/me")).headers["cache-control"] == "no-store"
    response = await site.client.post("/api/sign-in", content=b"x" * (1024 * 1024 + 1))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")


async def test_errors_of_fhir_are_operation_outcomes(site: Site) -> None:
    response = await site.client.get("/fhir/Patient/p-001")
    assert response.status_code == 401
    assert response.headers["content-type"].startswith("application/fhir+json")
    assert response.json()["resourceType"] == "OperationOutcome"


async def test_the_page_and_its_files(site: Site) -> None:
    for path in ("/", "/patients/p-001.2", "/sign-in"):
        response = await site.client.get(path)
        assert (response.status_code, response.text) == (200, "<title>page</title>")
        assert response.headers["cache-control"] == "no-cache"
    asset = await site.client.get("/assets/app-1.js")
    assert (asset.status_code, asset.text) == (200, "1")
    assert "immutable" in asset.headers["cache-control"]
    assert (await site.client.get("/assets/app-2.js")).status_code == 404
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/%00"):
        assert "secret" not in (await site.client.get(path)).text
    unknown = await site.client.get("/api/unknown", headers=await site.token())
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not-found")


async def test_a_page_that_is_not_built_says_so(database_dsn: str, tmp_path: Path) -> None:
    async with open_site(database_dsn, tmp_path / "nothing") as site:
        response = await site.client.get("/")
        assert response.status_code == 503
        assert "make setup" in response.text


async def test_ready_names_what_is_waited_for(site: Site) -> None:
    assert (await site.client.get("/healthz")).status_code == 200
    ready = await site.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "roles": ["api"]})
    site.roles["gateway"] = False
    ready = await site.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "waiting_for": ["gateway"]})


async def test_a_database_that_is_away_is_503(site: Site, database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = await site.token()
    site.sql("ALTER TABLE token RENAME TO token_away")
    broken = await site.client.get("/api/me", headers=headers)
    assert (broken.status_code, broken.json()["error"]["code"]) == (500, "internal")
    assert "token" not in broken.json()["error"]["message"]
    site.sql("ALTER TABLE token_away RENAME TO token")
    await site.pool.__aexit__(None, None, None)
    away = await site.client.get("/api/me", headers=headers)
    assert (away.status_code, away.json()["error"]["code"]) == (503, "not-ready")


async def test_the_description_lists_the_routes(site: Site) -> None:
    response = await site.client.get("/api/openapi.json", headers=await site.token())
    paths = response.json()["paths"]
    assert {"/api/worklist", "/api/alerts/{alert}/acknowledge", "/api/live", "/fhir/Observation"} <= paths.keys()


def test_hashing_is_bounded() -> None:
    assert sign_in.HASHING_MAX * 64 <= 256, "each takes 64 MiB"
