"""Every error that a client can get: a stable code, a message that says what to do, JSON or OperationOutcome."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.formats import json_bytes, rfc3339
from storage.registry.audit import Outcome
from vitals.errors import PartnerError, VitalstreamError
from vitals.fhir.outcome import operation_outcome

log = structlog.get_logger(__name__)

_OUTCOMES: dict[int, Outcome] = {
    401: "refused",
    403: "refused",
    404: "not-found",
    409: "conflict",
    410: "conflict",
    429: "refused",
}

#: HTTP status to HL7's issue-type.
_ISSUE_TYPES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    409: "conflict",
    413: "too-long",
    422: "invalid",
    429: "throttled",
    503: "transient",
}


class ApiError(Exception):
    """An answer that isn't 2xx: `status`, `code`, `message`, and fields beside them."""

    def __init__(self, status: int, code: str, message: str, **fields: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    @property
    def outcome(self) -> Outcome:
        """How the audit row calls it."""
        return _OUTCOMES.get(self.status, "failed")


def signed_out() -> ApiError:
    """Nobody, or nobody any more."""
    return ApiError(401, "signed-out", "Sign in first; a token goes into the header Authorization: Bearer TOKEN.")


def slow_down(wait_s: float) -> ApiError:
    """Too many wrong tries."""
    whole_s = max(1, math.ceil(wait_s))
    return ApiError(429, "slow-down", f"Too many tries. Wait {whole_s} s and try again.", retry_after_s=whole_s)


def forbidden() -> ApiError:
    """Somebody whose role may not."""
    return ApiError(403, "forbidden", "Your role does not allow this. Ask an administrator if it should.")


def not_found(what: str) -> ApiError:
    """Not there, or outside the caller's scope: the same answer, so that nothing is given away."""
    return ApiError(404, "not-found", f"There is no such {what}, or it is not among your patients. Check the address.")


def taken(code: str, message: str, by: str, at_us: int) -> ApiError:
    """Somebody was first; the answer says who and when."""
    return ApiError(409, code, message, by=by, at=rfc3339(at_us))


def bad_request(message: str) -> ApiError:
    """A parameter or a body that can't be understood."""
    return ApiError(422, "bad-request", message)


def error_response(path: str, error: ApiError) -> Response:
    """The error in the form of the interface that `path` belongs to."""
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if (retry_after_s := error.fields.get("retry_after_s")) is not None:
        headers["Retry-After"] = str(retry_after_s)
    if path == "/fhir" or path.startswith("/fhir/"):
        body = operation_outcome(_ISSUE_TYPES.get(error.status, "exception"), error.message)
        return Response(body, error.status, headers, media_type="application/fhir+json")
    body = json_bytes({"error": {"code": error.code, "message": error.message, **error.fields}})
    return Response(body, error.status, headers, media_type="application/json")


def as_api_error(error: Exception) -> ApiError:
    """What a client is told of any exception; details that could hold values stay with us."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        # Only names and reasons: the offending input could be a password.
        told = "; ".join(f"{'.'.join(str(p) for p in each['loc'][1:])}: {each['msg']}" for each in error.errors()[:5])
        return bad_request(f"The request can't be understood: {told}.")
    if isinstance(error, HTTPException):
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")
        return ApiError(error.status_code, code, f"{error.detail}. Check address and method.")
    if isinstance(error, PartnerError):
        return ApiError(503, "not-ready", "The database can't answer now. Try again in some seconds.")
    return ApiError(500, "internal", "That is our fault; it was logged. Try again, and report it if it stays so.")


def install(app: FastAPI) -> None:
    """Registers the handlers for everything that routes raise."""

    async def handle(request: Request, error: Exception) -> Response:
        told = as_api_error(error)
        if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log_failure(request.scope, error)
        return error_response(request.url.path, told)

    for kind in (ApiError, RequestValidationError, HTTPException, VitalstreamError):
        app.add_exception_handler(kind, handle)


def log_failure(scope: Mapping[str, Any], error: BaseException) -> None:
    """Logs an exception by type and route: texts of exceptions may quote values, paths may hold ids."""
    cause = error.__cause__
    log.error(
        "request failed",
        method=scope.get("method"),
        route=getattr(scope.get("route"), "path", None),
        error=type(error).__name__,
        code=getattr(error, "code", None),
        cause=type(cause).__name__ if cause else None,
    )
