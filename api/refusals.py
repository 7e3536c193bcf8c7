"""What the registry refuses, as answers: its codes are ours, and each has its status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from api.errors import ApiError
from storage.registry.claims import UsedCode
from vitals.errors import OperatorError

#: Whatever isn't here is forbidden by the state that a device or claim is in.
_STATUSES = {
    "bad-id": HTTPStatus.UNPROCESSABLE_ENTITY,
    "no-such-device": HTTPStatus.NOT_FOUND,
    "wrong-code": HTTPStatus.NOT_FOUND,
    "used-code": HTTPStatus.GONE,
    "expired-code": HTTPStatus.GONE,
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turns OperatorError of the registry into ApiError."""
    try:
        yield
    except OperatorError as error:
        status = _STATUSES.get(error.code, HTTPStatus.CONFLICT)
        more: dict[str, Any] = {}
        if isinstance(error, UsedCode) and error.device is not None:
            more["device"] = error.device
        raise ApiError(int(status), error.code, error.message, **more) from None
