"""Where a page of a search starts: an opaque text in its next link, made from the last row of the page before."""

from __future__ import annotations

from uuid import UUID

from api.fhir.request import Asked, Search
from api.formats import BadCursor, decode_cursor, encode_cursor
from storage.chart.fhir_queries import After, Order
from vitals.fhir.observation import ObservationRow
from vitals.fhir.search import BEGINNING_US, END_US, BadSearch

_BY_ID = "_id"
_BY_UPDATE = "_lastUpdated"
_ORDERS: dict[str, Order] = {
    "date": "date",
    "-date": "-date",
    "_lastUpdated": "_lastUpdated",
    "-_lastUpdated": "-_lastUpdated",
}
#: What `_sort` may say for Observations, and for patients and devices, which come by id only.
OBSERVATION_SORTS = tuple(_ORDERS)
ID_SORTS = (_BY_ID,)
_ORDER_DEFAULT: Order = "-date"  # the newest first


def order_of(asked: Asked[Search]) -> Order:
    """The order of a search for Observations."""
    return _ORDER_DEFAULT if asked.sort is None else _ORDERS[asked.sort]


def observation_cursor(row: ObservationRow, order: Order) -> str:
    """Leads to what follows `row`."""
    us = row.updated_us if order.endswith(_BY_UPDATE) else row.measured_us
    return encode_cursor(order, str(us), row.id)


def after_observation(asked: Asked[Search]) -> After | None:
    """Where a page of Observations starts. Raises BadSearch for a cursor of another order, or none of ours."""
    if asked.cursor is None:
        return None
    try:
        made_for, us, id_ = decode_cursor(asked.cursor, 3)
        after = After(int(us), UUID(id_))
    except (BadCursor, ValueError):
        raise _bad_cursor() from None
    if made_for != order_of(asked) or not BEGINNING_US <= after.us < END_US:
        raise _bad_cursor()
    return after


def id_cursor(id_: str) -> str:
    """Leads to what follows this id."""
    return encode_cursor(_BY_ID, id_)


def after_id(asked: Asked[Search]) -> str | None:
    """Where a page ordered by id starts. Raises BadSearch."""
    if asked.cursor is None:
        return None
    try:
        made_for, id_ = decode_cursor(asked.cursor, 2)
    except BadCursor:
        raise _bad_cursor() from None
    if made_for != _BY_ID or "\x00" in id_:
        raise _bad_cursor()
    return id_


def _bad_cursor() -> BadSearch:
    return BadSearch("_cursor", "the link does not lead to a page of this search; start again without _cursor")
