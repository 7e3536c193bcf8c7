-- name: tick_due
-- Patients of shards whose silence is to be looked at, the longest due first.
SELECT patient, shard FROM alert_deadline
WHERE shard = ANY (%(shards)s::smallint[]) AND due_at <= instant_of(%(now_us)s) AND patient <> ALL (%(without)s::integer[])
ORDER BY due_at, patient LIMIT %(limit)s

-- name: tick_names
-- Logical ids, which shards come from.
SELECT key, id FROM patient WHERE key = ANY (%(patients)s::integer[])

-- name: tick_store
-- The next deadline of each patient.
INSERT INTO alert_deadline (patient, shard, due_at, since)
SELECT d.patient, d.shard, instant_of(d.due_us), instant_of(d.since_us)
FROM unnest(%(patients)s::integer[], %(shards)s::smallint[], %(due_us)s::bigint[], %(since_us)s::bigint[])
    AS d(patient, shard, due_us, since_us)
ON CONFLICT (patient) DO UPDATE SET due_at = excluded.due_at, since = excluded.since

-- name: tick_end
-- Patients whose silence can change nothing any more.
DELETE FROM alert_deadline WHERE patient = ANY (%(patients)s::integer[])

-- name: beat_lock
-- The last beat, if any; whoever else beats now waits.
SELECT us_of(seen_at) FROM heartbeat WHERE name = 'streams' FOR UPDATE

-- name: beat
-- We see what comes in; a clock that was put back doesn't undo that we saw it before.
INSERT INTO heartbeat (name, seen_at) VALUES ('streams', instant_of(%(now_us)s))
ON CONFLICT (name) DO UPDATE SET seen_at = greatest(heartbeat.seen_at, excluded.seen_at)

-- name: beat_blind
-- A stretch in which nobody saw anything.
INSERT INTO blind (since, "until") VALUES (instant_of(%(since_us)s), instant_of(%(until_us)s)) ON CONFLICT DO NOTHING
