"""Searchset Bundle: finished resources joined as bytes, never parsed again."""

from __future__ import annotations

from collections.abc import Sequence

import orjson


def searchset(
    resources: Sequence[tuple[str, bytes]],
    *,
    base: str,
    self_url: str,
    next_url: str | None = None,
    total: int | None = None,
) -> bytes:
    """The Bundle of one page. `resources` are (`Observation/id`, JSON) in order; `base` is the FHIR root's URL.

    An empty page has no `entry` (FHIR forbids empty arrays).
    """
    links = [{"relation": "self", "url": self_url}]
    if next_url is not None:
        links.append({"relation": "next", "url": next_url})
    parts = [b'{"resourceType":"Bundle","type":"searchset"']
    if total is not None:
        parts.append(b',"total":%d' % total)
    parts += (b',"link":', orjson.dumps(links))
    if resources:
        root = base.rstrip("/")
        entries = (
            b'{"fullUrl":%b,"resource":%b,"search":{"mode":"match"}}' % (orjson.dumps(f"{root}/{path}"), body)
            for path, body in resources
        )
        parts += (b',"entry":[', b",".join(entries), b"]")
    parts.append(b"}")
    return b"".join(parts)
