"""The server's account: our own, or for root, which PostgreSQL refuses, `postgres` or `nobody`."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage.embedded.errors import ServerAccountMissing

# `postgres` is Debian's and the official image's account for this; `nobody` exists on every Unix.
ROOT_HANDS_OVER_TO = ("postgres", "nobody")

# Nothing of the caller's environment reaches the server: PGPORT, PGDATA, TZ or a locale there would change
# it.
SERVER_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """A user of this machine; `switch` says that we are root and have to become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.DEVNULL,
        new_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account, in `/` because our own working directory may be closed to it.

        Raises PermissionError when the account can't execute the program.
        """
        return subprocess.Popen(
            list(map(str, argv)),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            start_new_session=new_session,
        )

    def run(self, argv: Sequence[str | Path], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a program as this account to its end; output is in `stdout` and `stderr`."""
        with self.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(
            list(map(str, argv)),
            process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
        )

    def can_enter(self, directory: Path) -> bool:
        """Whether this account gets into the directory: tried, because modes alone do not tell."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], timeout_s=10).returncode == 0


def account_for(data_dir: Path) -> Account:
    """The account that serves `data_dir`: we ourselves, or as root the data's owner, `postgres`, `nobody`.

    Existing data keeps its owner: a `postgres` account that a package brings later must not lock us out of
    data that `nobody` wrote.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            raise ServerAccountMissing(
                f"User id {uid} has no entry in /etc/passwd and PostgreSQL needs one. "
                "Add an entry, run as another user, or set DATABASE_URL to a server of your own."
            ) from None
        return Account(name, uid, os.getegid(), switch=False)
    owner = data_dir.stat().st_uid if (data_dir / "PG_VERSION").exists() else 0
    for candidate in (owner,) if owner else ROOT_HANDS_OVER_TO:
        try:
            entry = pwd.getpwuid(candidate) if isinstance(candidate, int) else pwd.getpwnam(candidate)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    wanted = f"user id {owner}, which owns {data_dir}" if owner else " or ".join(ROOT_HANDS_OVER_TO)
    raise ServerAccountMissing(
        f"PostgreSQL does not run as root and there is no account {wanted}. "
        "Create it, run vitalstream as an ordinary user, or set DATABASE_URL to a server of your own."
    )
