-- name: ledger_shards
-- Per shard: what was appended and applied, and whether that is possible; run in one snapshot with the rest.
SELECT s.shard, h.appended, s.applied, s.duplicates, s.forwarded,
       s.next_offset <= h.next_offset
           AND s.duplicates + s.forwarded <= s.applied
           AND h.appended - s.applied = (SELECT coalesce(sum(r.readings), 0) FROM journal_record r
                                         WHERE r.shard = s.shard AND r."offset" >= s.next_offset)
FROM shard s JOIN journal_head h USING (shard) ORDER BY s.shard

-- name: ledger_stored
-- Observation identities, whatever their status (one that moved to another patient has several rows), and device status.
SELECT (SELECT count(*) FROM observation) - (SELECT count(*) FROM observation_move) + (SELECT count(*) FROM device_status)

-- name: ledger_quarantined
-- Rows that wait for somebody.
SELECT count(*) FROM quarantine WHERE state = 'open'

-- name: ledger_refused
-- What was refused before acknowledgement, ever.
SELECT coalesce(sum(count), 0)::bigint FROM refused_count

-- name: identities_charted_twice
-- Identities with more than one living Observation, or more than one row of device status: there must be none.
SELECT device, metric, device_time_ns, sequence FROM observation WHERE status <> 2
GROUP BY device, metric, device_time_ns, sequence HAVING count(*) > 1
UNION ALL
SELECT device, metric, device_time_ns, sequence FROM device_status
GROUP BY device, metric, device_time_ns, sequence HAVING count(*) > 1
LIMIT %(limit)s

-- name: quarantine_list
-- Open rows, newest first, with the beginning of their raw bytes; `before` is the last key of the page before.
SELECT key, device, reason, message, received_at, octet_length(raw), substring(raw FROM 1 FOR %(preview_bytes)s),
       record IS NOT NULL
FROM quarantine
WHERE organisation = %(organisation)s AND state = 'open' AND key < %(before)s
ORDER BY key DESC LIMIT %(limit)s
