"""Who may call which route: one table. A route that is not in it answers nobody."""

from __future__ import annotations

from typing import Final, Literal

from storage.registry.accounts import Role

EVERYBODY: Final[frozenset[Role]] = frozenset({"clinician", "patient", "administrator"})
STAFF: Final[frozenset[Role]] = frozenset({"clinician", "administrator"})
CLINICIANS: Final[frozenset[Role]] = frozenset({"clinician"})
CARE: Final[frozenset[Role]] = frozenset({"clinician", "patient"})
PUBLIC: Final = "public"

_ROUTES: Final[dict[tuple[str, str], frozenset[Role] | Literal["public"]]] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("POST", "/api/sign-in"): PUBLIC,
    ("POST", "/api/sign-out"): EVERYBODY,
    ("GET", "/api/me"): EVERYBODY,
    ("GET", "/api/openapi.json"): STAFF,
    ("GET", "/api/worklist"): EVERYBODY,
    ("GET", "/api/patients/{patient}"): EVERYBODY,
    ("GET", "/api/patients/{patient}/series"): EVERYBODY,
    ("GET", "/api/patients/{patient}/readings"): EVERYBODY,
    ("POST", "/api/patients/{patient}/readings"): CARE,
    ("POST", "/api/observations/{observation}/wrong"): CLINICIANS,
    ("GET", "/api/alerts"): EVERYBODY,
    ("GET", "/api/alerts/{alert}"): EVERYBODY,
    ("POST", "/api/alerts/{alert}/acknowledge"): CLINICIANS,
    ("POST", "/api/alerts/{alert}/close"): CLINICIANS,
    ("GET", "/api/live"): EVERYBODY,
    ("GET", "/api/gateways"): STAFF,
    ("GET", "/api/devices"): STAFF,
    ("POST", "/api/devices"): STAFF,
    ("POST", "/api/devices/{device}/kit"): STAFF,
    ("POST", "/api/devices/{device}/claim-code"): STAFF,
    ("POST", "/api/devices/{device}/return"): STAFF,
    ("POST", "/api/claims/look"): CARE,
    ("POST", "/api/claims"): CARE,
    ("GET", "/api/claims/{device}"): CARE,
    ("POST", "/api/claims/{device}/confirm"): CARE,
    ("POST", "/api/claims/{device}/not-mine"): CARE,
    ("POST", "/api/claims/{device}/cancel"): CARE,
    ("GET", "/fhir/metadata"): PUBLIC,
}

#: Searching by POST keeps identifiers out of addresses; it reads, so everybody may.
_FHIR_SEARCH = "/_search"

#: The page's files; what looks like an interface is none of them.
PAGE = "/{path:path}"
_INTERFACES = ("/api", "/fhir")


def roles_for(method: str, template: str, path: str) -> frozenset[Role] | Literal["public"] | None:
    """Roles that may call a route (its template, and the path that was asked for); None: nobody."""
    method = "GET" if method == "HEAD" else method
    if template == PAGE:
        is_interface = any(path == each or path.startswith(f"{each}/") for each in _INTERFACES)
        return EVERYBODY if is_interface else PUBLIC
    if (method, template) in _ROUTES:
        return _ROUTES[method, template]
    if template.startswith("/fhir/") and (method == "GET" or template.endswith(_FHIR_SEARCH)):
        return EVERYBODY
    return None
