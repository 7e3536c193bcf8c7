-- name: journal_append
-- Gives each record the next offset of its shard and wakes readers; heads are locked in shard order.
WITH given AS (
    SELECT * FROM unnest(%(shards)s::smallint[], %(readings)s::integer[], %(payloads)b::bytea[]) AS g(shard, readings, payload)
), head AS MATERIALIZED (
    SELECT shard, next_offset FROM journal_head WHERE shard = ANY (%(shards)s::smallint[]) ORDER BY shard FOR UPDATE
), stored AS (
    -- LEFT JOIN: a shard without head has no offset, which the table refuses, instead of losing its record.
    INSERT INTO journal_record (shard, "offset", readings, payload)
    SELECT g.shard, h.next_offset, g.readings, g.payload FROM given g LEFT JOIN head h USING (shard)
), moved AS (
    UPDATE journal_head j SET next_offset = h.next_offset + 1, appended = j.appended + g.readings
    FROM head h JOIN given g USING (shard) WHERE j.shard = h.shard
)
SELECT pg_notify('journal', '')

-- name: journal_read
-- Records from given offsets on, oldest of each shard first, until their bytes reach the limit.
WITH place AS (
    SELECT r.shard, r."offset",
           sum(octet_length(r.payload)) OVER (ORDER BY r."offset" - a.first, r.shard) - octet_length(r.payload) AS before
    FROM unnest(%(shards)s::smallint[], %(offsets)s::bigint[]) AS a(shard, first)
    CROSS JOIN LATERAL (
        SELECT j.shard, j."offset", j.payload FROM journal_record j
        WHERE j.shard = a.shard AND j."offset" >= a.first ORDER BY j."offset" LIMIT %(per_shard)s
    ) r
)
SELECT p.shard, p."offset", r.payload FROM place p
-- LIMIT keeps this a look-up for each place, whatever the statistics say.
CROSS JOIN LATERAL (
    SELECT j.payload FROM journal_record j WHERE j.shard = p.shard AND j."offset" = p."offset" LIMIT 1
) r
WHERE p.before < %(limit_bytes)s ORDER BY p.shard, p."offset"

-- name: journal_trim
-- Deletes a batch of applied records older than given seconds.
DELETE FROM journal_record WHERE (shard, "offset") IN (
    SELECT r.shard, r."offset" FROM journal_record r JOIN shard s USING (shard)
    WHERE r."offset" < s.next_offset AND r.appended_at < now() - make_interval(secs => %(older_than_s)s)
    LIMIT %(batch)s
)

-- name: lease_acquire
-- Takes shards that are free, expired or ours already, each with a new epoch; a shard in the middle of a commit is skipped.
WITH free AS MATERIALIZED (
    SELECT shard FROM shard
    WHERE shard = ANY (%(want)s::smallint[])
      AND (owner IS NULL OR owner = %(owner)s OR lease_until <= clock_timestamp())
    ORDER BY shard FOR UPDATE SKIP LOCKED
)
UPDATE shard s
SET owner = %(owner)s, epoch = s.epoch + 1, lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM free WHERE s.shard = free.shard
RETURNING s.shard, s.epoch, s.next_offset

-- name: lease_renew
-- Prolongs leases of an owner that nobody took over; rows are locked in shard order.
WITH mine AS MATERIALIZED (
    SELECT s.shard FROM shard s JOIN unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS h(shard, epoch) USING (shard)
    WHERE s.owner = %(owner)s AND s.epoch = h.epoch
    ORDER BY s.shard FOR UPDATE OF s
)
UPDATE shard s SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM mine WHERE s.shard = mine.shard
RETURNING s.shard

-- name: lease_release
-- Gives shards back at once; the epoch stays, so the next owner's is higher.
WITH mine AS MATERIALIZED (
    SELECT s.shard FROM shard s JOIN unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS h(shard, epoch) USING (shard)
    WHERE s.owner = %(owner)s AND s.epoch = h.epoch
    ORDER BY s.shard FOR UPDATE OF s
)
UPDATE shard s SET owner = NULL, lease_until = '-infinity'
FROM mine WHERE s.shard = mine.shard
