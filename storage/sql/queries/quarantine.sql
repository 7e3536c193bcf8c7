-- name: quarantine_row
-- One row with all its raw bytes; open or replayed.
SELECT key, device, reason, message, received_at, octet_length(raw), raw, record, state
FROM quarantine WHERE organisation = %(organisation)s AND key = %(key)s

-- name: quarantine_selected
-- Keys of open rows of a device (null: of all), above a key, oldest first, and which of them hold a decoded reading.
SELECT key, record IS NOT NULL FROM quarantine
WHERE organisation = %(organisation)s AND state = 'open' AND (%(device)s::text IS NULL OR device = %(device)s)
  AND key > %(after)s
ORDER BY key LIMIT %(limit)s

-- name: quarantine_replayable
-- Open rows of devices that were kept because nobody was known to be bound, and that another binding may place.
SELECT key FROM quarantine
WHERE device = ANY (%(devices)s) AND state = 'open' AND record IS NOT NULL
  AND reason IN ('no-binding', 'unknown-device', 'time-uncertain')
ORDER BY key

-- name: quarantine_kept
-- Open rows of devices, the newest first, applied in shards, that another binding may place.
SELECT key, device, reason, record FROM quarantine
WHERE device = ANY (%(devices)s) AND shard = ANY (%(shards)s::smallint[]) AND state = 'open' AND record IS NOT NULL
  AND reason IN ('no-binding', 'unknown-device', 'time-uncertain', 'unproven')
ORDER BY key DESC LIMIT %(limit)s

-- name: quarantine_waiting
-- The newest open rows of a device that wait for the reading that proves a claim.
SELECT key, record FROM quarantine
WHERE device = %(device)s AND state = 'open' AND record IS NOT NULL AND reason = 'unproven'
ORDER BY key DESC LIMIT %(limit)s

-- name: quarantine_not_confirmed
-- A person said that these are not theirs, or nobody can tell: they are kept and never sent through again.
UPDATE quarantine SET reason = 'not-confirmed', message = %(message)s WHERE key = ANY (%(keys)s) AND state = 'open'

-- name: quarantine_shards
-- Locks the shards that hold these open rows, in shard order: before rows and journal heads, as the processor does.
SELECT s.shard FROM shard s
WHERE s.shard IN (SELECT q.shard FROM quarantine q WHERE q.key = ANY (%(keys)s) AND q.state = 'open')
ORDER BY s.shard FOR UPDATE

-- name: quarantine_replay
-- The compare-and-swap: open rows with a decoded reading become replayed; each leaves its shard's count as forwarded.
WITH chosen AS MATERIALIZED (
    SELECT key FROM quarantine
    WHERE key = ANY (%(keys)s) AND state = 'open' AND record IS NOT NULL AND reason <> 'not-confirmed'
    ORDER BY key FOR UPDATE
), moved AS (
    UPDATE quarantine q SET state = 'replayed' FROM chosen WHERE q.key = chosen.key
    RETURNING q.key, q.device, q.record, q.shard
), counted AS (
    UPDATE shard s SET forwarded = s.forwarded + m.readings
    FROM (SELECT shard, count(*) AS readings FROM moved GROUP BY shard) m WHERE s.shard = m.shard
)
SELECT key, device, record FROM moved ORDER BY key

-- name: journal_lock_heads
-- Locks heads of shards, in shard order, for a transaction that appends more than once.
SELECT shard FROM journal_head WHERE shard = ANY (%(shards)s::smallint[]) ORDER BY shard FOR UPDATE
