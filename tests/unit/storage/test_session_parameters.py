"""What a connection is opened with, and what may be said about it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from storage.connection import DatabaseRefused, DatabaseUnreachable, connect, describe, session_parameters

URL = "postgresql://ward:s3cr%23t@db.example:6543/chart"


def test_ours_are_set_and_the_operators_win() -> None:
    ours = session_parameters(URL, application_name="api")
    assert (ours["host"], ours["password"], ours["application_name"]) == ("db.example", "s3cr#t", "api")
    assert (ours["connect_timeout"], ours["keepalives_idle"]) == (5, 30)
    assert "statement_timeout=30000" in str(ours["options"])
    theirs = session_parameters(f"{URL}?connect_timeout=60&options=-c%20statement_timeout%3D0", application_name="api")
    assert theirs["connect_timeout"] == "60"
    assert str(theirs["options"]).endswith("-c statement_timeout=0")  # the later one holds


@pytest.mark.parametrize(
    ("dsn", "text"),
    [
        (URL, "database chart at db.example:6543 as ward"),
        ("host=/run/data user=u dbname=d", "database d at /run/data as u"),
        ("host=h user=u", "database u at h:5432 as u"),
        ("", "database of the same name at the local socket"),
    ],
)
def test_a_description_names_the_place_and_no_password(dsn: str, text: str) -> None:
    assert describe(dsn) == text


@pytest.mark.parametrize("dsn", ["postgres:/ward:s3cret@db", "host=h s3cret", "postgresql://u:s3c%zzret@h/d"])
async def test_what_is_no_address_is_refused_without_quoting_it(dsn: str) -> None:
    with pytest.raises(DatabaseRefused, match="Write it as postgresql://") as caught:
        await connect(dsn, application_name="tests")
    assert "cret" not in caught.value.message
    assert caught.value.__suppress_context__


async def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    dsns = [f"postgresql://ward:s3cret@127.0.0.1:{port}/chart", f"host={tmp_path} user=ward password=s3cret"]
    for dsn in dsns:
        with pytest.raises(DatabaseUnreachable, match="Check that the server runs") as caught:
            await connect(dsn, application_name="tests")
        assert "s3cret" not in caught.value.message
        assert caught.value.__suppress_context__


async def test_a_listener_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DatabaseUnreachable):
            await connect(f"host=127.0.0.1 port={port} user=u connect_timeout=2", application_name="tests")
