"""`vitalstream score news2 --json '{...}'`: an early warning score of one set of observations.

Exit 0 scored, 1 refused (not for this patient: the reason on stderr, an error object on stdout), 2 bad use: no JSON
object, an unknown or repeated key, a value of the wrong type or not possible in people.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import click


@click.group()
def score() -> None:
    """Early warning scores. Not a medical device."""


@score.command()
@click.option("--json", "text", required=True, metavar="OBJECT", help="The observations, as a JSON object.")
def news2(text: str) -> None:
    """NEWS2 of one set: what is known, what is missing, in which range the score lies.

    Keys: rr and pulse (/min), spo2 (%), sbp (mmHg), temp (°C), o2 ("air", "oxygen" or true for oxygen), acvpu (one
    letter), scale (1, or 2 for a recorded target of 88-92 %; default 1), age_years, pregnant. A key that is left out
    or null is missing.
    """
    from alerts import news2 as rules

    given = _object(text)
    try:
        result = rules.score(rules.Parameters(**given))
    except rules.BadParameter as error:
        raise _bad(error.message) from None
    except rules.NotApplicable as error:
        click.echo(json.dumps({"error": {"code": error.code, "message": error.message}}))
        raise
    answer = {
        "complete": not result.missing,
        "score": result.score,
        "points_known": result.low,
        "known": list(result.points),
        "missing": list(result.missing),
        "range": [result.low, result.high],
        "band_at_least": result.band_at_least,
        "single_three": result.single_three,
    }
    click.echo(json.dumps(answer))


def _bad(message: str) -> click.BadParameter:
    return click.BadParameter(message, click.get_current_context(), param_hint="--json")


def _number(key: str, value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        raise _bad(f"{key} must be a number")
    return value


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(f"{key} must be true or false")
    return value


def _oxygen(key: str, value: Any) -> bool:
    if value in ("air", "oxygen"):
        return bool(value == "oxygen")
    if not isinstance(value, bool):
        raise _bad(f'{key} must be "air", "oxygen", true (oxygen) or false (air)')
    return value


def _scale(key: str, value: Any) -> int:
    if not isinstance(value, Decimal) or value not in (1, 2):
        raise _bad(f"{key} must be 1 or 2")
    return int(value)


def _letter(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _bad(f"{key} must be one letter of ACVPU")
    return value


_KEYS: dict[str, Callable[[str, Any], Any]] = {
    "rr": _number,
    "spo2": _number,
    "scale": _scale,
    "o2": _oxygen,
    "sbp": _number,
    "pulse": _number,
    "acvpu": _letter,
    "temp": _number,
    "age_years": _number,
    "pregnant": _flag,
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a key be repeated; which value was meant is unknown."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _bad("a key is there twice; name each once")
    return made


def _not_finite(_: str) -> None:
    raise _bad("NaN and Infinity are no numbers; leave out what is missing")


def _object(text: str) -> dict[str, Any]:
    """The known keys with their values checked for type; numbers stay the decimals that were written."""
    try:
        body = json.loads(
            text, parse_float=Decimal, parse_int=Decimal, parse_constant=_not_finite, object_pairs_hook=_once
        )
    except (ValueError, RecursionError, InvalidOperation):
        raise _bad("""this is no JSON; write it as '{"rr": 18, "spo2": 96, "o2": "air"}'""") from None
    if not isinstance(body, dict):
        raise _bad("a JSON object is wanted, with keys such as rr and spo2")
    unknown = sorted(set(body) - set(_KEYS))
    if unknown:
        raise _bad(f"key {unknown[0][:20]!r} is unknown; the keys are {', '.join(_KEYS)}")
    return {key: _KEYS[key](key, value) for key, value in body.items() if value is not None}
