"""Whose fault an error of the database is, by its SQLSTATE."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from storage.faults import DatabaseTrouble, surely_failed, typed
from vitals.errors import InternalError, PartnerError
from vitals.ports.chart import Poisoned


@pytest.mark.parametrize(
    "kind",
    [
        errors.DiskFull,
        errors.LockNotAvailable,
        errors.SerializationFailure,
        errors.DeadlockDetected,
        errors.QueryCanceled,
        errors.OutOfMemory,
        errors.AdminShutdown,
        errors.InFailedSqlTransaction,
        psycopg.OperationalError,
        psycopg.InterfaceError,
    ],
)
def test_what_may_pass_is_worth_another_try(kind: type[psycopg.Error]) -> None:
    fault = typed(kind("server's words"))
    assert isinstance(fault, PartnerError)
    assert fault.code == DatabaseTrouble.code == "database"


@pytest.mark.parametrize("kind", [errors.NumericValueOutOfRange, errors.NotNullViolation, errors.ForeignKeyViolation])
def test_rows_that_are_refused_every_time_are_poison(kind: type[psycopg.Error]) -> None:
    assert isinstance(typed(kind("server's words")), Poisoned)


def test_a_missing_table_is_our_fault_and_nobodys_poison() -> None:
    fault = typed(errors.UndefinedTable("server's words"))
    assert isinstance(fault, InternalError)
    assert not isinstance(fault, Poisoned)


def test_the_servers_words_stay_out_of_the_message() -> None:
    assert "anna" not in typed(errors.NotNullViolation("Failing row contains (anna, 36.6)")).message


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (errors.DiskFull(), True),
        (errors.QueryCanceled(), True),
        (errors.AdminShutdown(), False),
        (errors.CrashShutdown(), False),
        (psycopg.OperationalError(), False),
    ],
)
def test_only_the_servers_own_word_makes_a_failure_sure(error: psycopg.Error, sure: bool) -> None:
    assert surely_failed(error) is sure
