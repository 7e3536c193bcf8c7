"""Sockets that we listen on, bound before anything is started so that a taken port is the first thing one hears of."""

from __future__ import annotations

import errno
import socket

from vitals.errors import OperatorError

_BACKLOG = 1024  # connections waiting to be accepted: a whole ward reconnecting after an outage


class PortInUse(OperatorError):
    """Another program listens on the port."""

    code = "port-in-use"


def listen(bind: str, port: int, setting: str, *, else_free: bool = False) -> socket.socket:
    """A bound, listening TCP socket; with `else_free` any free port when this one is taken.

    Raises PortInUse, naming the setting to change, and OperatorError for an address that is not ours.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            sock.bind((bind, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not else_free:
                raise
            sock.bind((bind, 0))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {bind} is taken by another program: stop it, or set {setting} to another port"
            ) from None
        raise OperatorError(
            f"can't listen on {bind}:{port} ({error.strerror}): set VITALSTREAM_BIND to an address of this machine, "
            f"and {setting} to a port that this account may use",
            code="bind",
        ) from None
    sock.setblocking(False)
    return sock
