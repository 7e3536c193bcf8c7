"""Where a broker is and who we are to it: `mqtt://user:password@host:port`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from vitals.errors import OperatorError

#: The ports that IANA gave MQTT without and with TLS.
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

_FORM: Final = "mqtt://user:password@host:port (mqtts:// for TLS; percent-encode signs such as @ in the password)"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and our credentials there; printing it never shows the password."""

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_address(url: str) -> BrokerAddress:
    """The address that a URL names; raises OperatorError, whose text never repeats the URL: it holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OperatorError(f"this is no broker's address; write {_FORM}", code="mqtt-url") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise OperatorError(f"this is no broker's address; write {_FORM}", code="mqtt-url")
    if not parts.username or not parts.password:
        raise OperatorError(
            f"user and password are missing: a broker that lets anybody in is not safe; write {_FORM}", code="mqtt-url"
        )
    return BrokerAddress(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "mqtts",
        unquote(parts.username),
        unquote(parts.password),
    )
