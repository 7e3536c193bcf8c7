"""A search request taken apart: parameters of the resource, and those that govern the answer's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request

from api.errors import ApiError
from vitals.fhir.capability import SearchParameter
from vitals.fhir.search import BadSearch

COUNT_DEFAULT: Final = 50
COUNT_MAX: Final = 1000  # about 1 MB of Observations: a page that still arrives at once
#: More parameters than any search of ours has use for.
FIELDS_MAX: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"
_JSON_FORMATS: Final = ("json", "application/json", "application/fhir+json")

Search = TypeVar("Search")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[Search]):
    """A declared search parameter: `narrow(search, value, now_us)` returns the narrower search or raises BadSearch.

    `modifier`: the one modifier that changes nothing here (`subject:Patient`).
    """

    name: str
    kind: str
    documentation: str
    narrow: Callable[[Search, str, int], Search]
    modifier: str | None = None

    @property
    def declaration(self) -> SearchParameter:
        """As the CapabilityStatement lists it."""
        return SearchParameter(self.name, self.kind, self.documentation)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Search]):
    """One search. `used` are the parameters that had an effect, for the self link; `cursor` where the page starts."""

    search: Search
    used: tuple[tuple[str, str], ...]
    count: int
    sort: str | None
    accurate_total: bool
    only_count: bool
    cursor: str | None


@dataclass(slots=True)
class _Controls:
    count: int = COUNT_DEFAULT
    sort: str | None = None
    accurate_total: bool = False
    only_count: bool = False
    cursor: str | None = None


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Names and values of the address and, for POST, of the form. Raises ApiError 415 or BadSearch."""
    texts = [request.url.query]
    if request.method == "POST":
        given = request.headers.get("Content-Type", _FORM).partition(";")[0].strip().lower()
        if given != _FORM:
            raise ApiError(415, "bad-request", f"Send the search as a form: Content-Type {_FORM}.")
        texts.append((await request.body()).decode("utf-8", "replace"))
    try:
        fields = [
            field for text in texts for field in parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        ]
    except ValueError:
        raise BadSearch("*", f"the search has more than {FIELDS_MAX} parameters") from None
    # PostgreSQL's texts can't hold it, and no code, id or name does.
    if any("\x00" in name or "\x00" in value for name, value in fields):
        raise BadSearch("*", "the search holds a NUL character; remove it")
    return fields


def is_strict(request: Request) -> bool:
    """Whether `Prefer: handling=strict` forbids ignoring what we don't know."""
    preferences = request.headers.get("Prefer", "").replace(";", ",").split(",")
    return any(preference.strip().lower() == "handling=strict" for preference in preferences)


def understood(
    fields: Sequence[tuple[str, str]],
    parameters: Mapping[str, Parameter[Search]],
    start: Search,
    *,
    sorts: Sequence[str],
    strict: bool,
    now_us: int,
) -> Asked[Search]:
    """What the fields mean. Raises BadSearch for a value, modifier or (when strict) name that isn't known."""
    search, controls = start, _Controls()
    used: list[tuple[str, str]] = []
    for field, value in fields:
        name, colon, modifier = field.partition(":")
        if not value:
            continue  # FHIR: a parameter without value asks for nothing
        if name in _CONTROLS and not colon:
            _CONTROLS[name](controls, value, sorts)
            if name == "_count":
                value = str(controls.count)
        elif name in parameters:
            if colon and modifier != parameters[name].modifier:
                raise BadSearch(field, f"{name} has no modifier {modifier}; leave it out")
            search = parameters[name].narrow(search, value, now_us)
        elif strict:
            raise BadSearch(field, f"{name} is not a parameter of this search; /fhir/metadata lists them")
        else:
            continue
        if name != "_cursor":
            used.append((field, value))
    return Asked(
        search,
        tuple(used),
        controls.count,
        controls.sort,
        controls.accurate_total,
        controls.only_count,
        controls.cursor,
    )


def _count(controls: _Controls, value: str, _: Sequence[str]) -> None:
    if not (value.isascii() and value.isdigit()):
        raise BadSearch("_count", "_count must be a whole number")
    controls.count = min(int(value[:9]), COUNT_MAX)
    controls.only_count |= controls.count == 0


def _sort(controls: _Controls, value: str, sorts: Sequence[str]) -> None:
    if value not in sorts:
        raise BadSearch("_sort", f"_sort can be one of {', '.join(sorts)}")
    controls.sort = value


def _total(controls: _Controls, value: str, _: Sequence[str]) -> None:
    if value not in ("none", "accurate", "estimate"):
        raise BadSearch("_total", "_total can be none, estimate or accurate")
    controls.accurate_total = value != "none"


def _summary(controls: _Controls, value: str, _: Sequence[str]) -> None:
    if value not in ("count", "false"):
        raise BadSearch("_summary", "_summary can be count or false")
    controls.only_count |= value == "count"


def _format(_: _Controls, value: str, __: Sequence[str]) -> None:
    # An unescaped plus of application/fhir+json arrives as a space.
    if value.replace(" ", "+").partition(";")[0] not in _JSON_FORMATS:
        raise BadSearch("_format", "_format can be json only")


def _cursor(controls: _Controls, value: str, _: Sequence[str]) -> None:
    controls.cursor = value


_CONTROLS: Final = {
    "_count": _count,
    "_sort": _sort,
    "_total": _total,
    "_summary": _summary,
    "_format": _format,
    "_cursor": _cursor,
}
