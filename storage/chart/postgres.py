"""The chart in PostgreSQL: one transaction a group, on one lasting connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import numpy as np
import psycopg
from psycopg.pq import TransactionStatus

from storage.chart import quarantine, reads, repair, ticks, writes
from storage.connection import Connection
from storage.faults import OutcomeUnknown, database_faults, surely_failed, typed
from storage.link import Link
from storage.sql import sql
from vitals.errors import InternalError, VitalstreamError
from vitals.events import PatientContext, PatientHistory
from vitals.ports.alerting import HistoryRequest
from vitals.ports.chart import DeviceRecord, Due, Effects, Head, IdentityKey, Kept, Known, Move, Stray, Touched


class Months:
    """Which months of the chart have a partition; makes the others on its own connection, ahead of the rows.

    Not in the group's transaction: new partitions must be there for everybody at once and survive a rollback.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: set[int] = set()

    async def ensure(self, measured_us: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Makes what is missing for these instants (UTC microseconds) and next month."""
        months = measured_us.astype("datetime64[us]").astype("datetime64[M]")
        new = [month for month in np.unique(months) if int(month.astype(np.int64)) not in self._known]
        if not new:
            return
        starts = [int(month.astype("datetime64[us]").astype(np.int64)) for month in new]
        async with self._link.use() as connection:
            await connection.execute(sql("chart_ensure_partitions"), {"instants": starts})
        self._known.update(int(month.astype(np.int64)) for month in new)

    def forget(self) -> None:
        """Looks again next time: somebody (retention) may have dropped a month."""
        self._known.clear()


class PostgresUnit:
    """One open transaction. After any error it can't be used any more, not even for a commit."""

    def __init__(self, connection: Connection, months: Months, engine_version: str) -> None:
        self._connection = connection
        self._months = months
        self._engine_version = engine_version
        self.usable = True

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[Connection]:
        if not self.usable:
            raise InternalError("this transaction failed before; open another one")
        self.usable = False
        async with database_faults():
            yield self._connection
        self.usable = True

    async def devices(self, devices: Collection[str]) -> dict[str, DeviceRecord]:
        """Registered devices among these ids, revoked ones too, with their bindings in order of time."""
        async with self._step() as connection:
            return await reads.devices(connection, devices)

    async def contexts(self, patients: Collection[int]) -> dict[int, PatientContext]:
        """Enrolments and context of these patients; unknown keys are left out."""
        async with self._step() as connection:
            return await reads.contexts(connection, patients)

    async def gateways(self, gateways: Collection[str]) -> dict[str, int]:
        """Integer keys of gateway ids, made when new."""
        async with self._step() as connection:
            return await reads.gateways(connection, gateways)

    async def heads(self, series: Collection[tuple[int, int]]) -> dict[tuple[int, int], Head]:
        """The head of each (device key, metric number) that has any row."""
        async with self._step() as connection:
            return await reads.heads(connection, series)

    async def known(self, identities: Collection[IdentityKey]) -> dict[IdentityKey, Known]:
        """What is charted under these identities, whatever patient or status; locks their devices."""
        async with self._step() as connection:
            return await reads.known(connection, identities)

    async def history(
        self, requests: Sequence[HistoryRequest], contexts: Mapping[int, PatientContext]
    ) -> dict[int, PatientHistory]:
        """Stored stretches of patients' past; every patient asked for must be in `contexts`."""
        async with self._step() as connection:
            return await reads.history(connection, requests, contexts)

    async def patients(self, patients: Collection[str]) -> dict[str, int]:
        """Keys of these logical ids; unknown ones are left out."""
        async with self._step() as connection:
            return await reads.patients(connection, patients)

    async def lock(self, devices: Collection[str], observations: Collection[UUID]) -> None:
        """Keeps other writers from charting or moving rows of these devices, and of those that made these
        Observations.
        """
        async with self._step() as connection:
            await repair.lock(connection, devices, observations)

    async def withdraw(self, observations: Collection[UUID]) -> list[Touched]:
        """Enters in error what is charted under the identities of these Observations; says whose it was."""
        async with self._step() as connection:
            return await repair.withdraw(connection, observations)

    async def strays(
        self, devices: Collection[str], patients: Collection[str], since_us: int, limit: int
    ) -> list[Stray]:
        """Rows of these devices that somebody else, or nobody, has by the bindings of now, in order of time."""
        async with self._step() as connection:
            return await repair.strays(connection, devices, patients, since_us, limit)

    async def kept(self, devices: Collection[str], shards: Collection[int], limit: int) -> list[Kept]:
        """Open rows of these devices that were applied in these shards and that another binding may place."""
        async with self._step() as connection:
            return await quarantine.kept(connection, devices, shards, limit)

    async def move(self, moves: Sequence[Move]) -> None:
        """Withdraws Observations and charts them for their new patients; moves device status in place."""
        async with self._step() as connection:
            await repair.move(connection, moves)

    async def due(self, shards: Collection[int], now_us: int, limit: int, without: Collection[int] = ()) -> list[Due]:
        """Patients of these shards whose stored deadline is reached, the longest due first; none of `without`."""
        async with self._step() as connection:
            return await ticks.due(connection, shards, now_us, limit, without)

    async def beat(self, now_us: int) -> None:
        """Says that readings are being processed; a hole since the last time becomes a blind stretch."""
        async with self._step() as connection:
            await ticks.beat(connection, now_us)

    async def write(self, effects: Effects) -> None:
        """Writes everything and moves the offsets; raises ShardLost before anything is visible."""
        async with self._step() as connection:
            if len(effects.observations):
                await self._months.ensure(effects.observations["measured_us"])
            await writes.write(connection, effects, self._engine_version)


class PostgresChart:
    """Chart on PostgreSQL; transactions take turns. `engine_version` is written beside every alert."""

    def __init__(self, dsn: str, engine_version: str) -> None:
        self._link = Link(dsn, application_name="vitalstream chart")
        self._side = Link(dsn, application_name="vitalstream partitions")
        self._months = Months(self._side)
        self._engine_version = engine_version

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.close()
        await self._side.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresUnit]:
        """Commits on a clean exit, rolls back on an exception; a connection in doubt is replaced.

        Raises DatabaseTrouble (try again), OutcomeUnknown (read the offsets first), Poisoned (find the
        culprit), InternalError (our fault, or a commit after an error inside), ShardLost from `write`.
        """
        async with self._link.use() as connection:
            async with database_faults():
                await connection.execute("BEGIN")
            unit = PostgresUnit(connection, self._months, self._engine_version)
            try:
                yield unit
            except BaseException as error:
                unit.usable = False
                if isinstance(error, VitalstreamError):
                    self._months.forget()
                await _roll_back(connection)
                raise
            if not unit.usable:
                await _roll_back(connection)
                raise InternalError("this transaction failed inside and can't be committed; open another one")
            unit.usable = False
            await _commit(connection)


async def _commit(connection: Connection) -> None:
    try:
        async with database_faults():
            cursor = await connection.execute("COMMIT")
    except VitalstreamError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error) and surely_failed(cause):
            raise typed(cause) from cause
        raise OutcomeUnknown(
            "The connection ended during the commit. Read the shards' offsets before going on."
        ) from error
    if cursor.statusmessage != "COMMIT":  # PostgreSQL answers ROLLBACK when the transaction had failed
        raise InternalError("the transaction had failed and was rolled back at its commit; open another one")


async def _roll_back(connection: Connection) -> None:
    """Rolls back where that is one quick answer; any other connection is closed by its link instead."""
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        try:
            async with database_faults():
                await connection.execute("ROLLBACK")
        except VitalstreamError:
            await connection.close()
