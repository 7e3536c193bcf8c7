"""What the wiring hands to the application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Request

from storage.connection import Pool


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything that the routes need from outside.

    - `pool`: at least three connections; one is kept by the live feed while anybody watches.
    - `now`: the clock, aware. `ready`: every role of this process by name, and whether it serves.
    - `static`: folder of the built page. `secure_cookie`: whether browsers reach us by TLS only.
    - `mqtt_url`: where devices publish, as told to who claims one; None: `mqtt_port` of the host that was asked.
    """

    pool: Pool
    now: Callable[[], datetime]
    simulated: bool
    ready: Callable[[], Mapping[str, bool]]
    static: Path
    secure_cookie: bool = False
    mqtt_url: str | None = None
    mqtt_port: int = 1883


def services_of(request: Request) -> ApiServices:
    """The services of the application that a request came to."""
    services: ApiServices = request.app.state.services
    return services
