-- name: chart_devices
-- Registered devices with all their bindings, one row a binding; revoked devices too, because their past stays true.
SELECT d.id, d.key, b.patient, p.id, us_of(coalesce(lower(b.period), '-infinity')), us_of(coalesce(upper(b.period), 'infinity')),
       b.proven
FROM device d
LEFT JOIN binding b ON b.device = d.key
LEFT JOIN patient p ON p.key = b.patient
WHERE d.id = ANY (%(devices)s::text[])
ORDER BY d.key, b.period

-- name: chart_patients
-- Logical ids of patients, what rules must know of them, and their stored deadlines.
SELECT p.key, p.id, p.zone, p.born, us_of(d.due_at), us_of(d.since)
FROM patient p LEFT JOIN alert_deadline d ON d.patient = p.key
WHERE p.key = ANY (%(patients)s::integer[])

-- name: chart_patient_keys
-- Keys of patients by logical id.
SELECT id, key FROM patient WHERE id = ANY (%(patients)s::text[])

-- name: chart_pregnancies
-- Recorded pregnancies of patients.
SELECT patient, us_of(since), us_of(coalesce("until", 'infinity'))
FROM pregnancy WHERE patient = ANY (%(patients)s::integer[]) ORDER BY since, key

-- name: chart_blind
-- Stretches of the last 60 days in which the pipeline saw nothing, by the clock that they were written by.
SELECT us_of(b.since), us_of(b."until") FROM blind b
WHERE b."until" > coalesce((SELECT h.seen_at FROM heartbeat h WHERE h.name = 'streams'), now()) - interval '60 days'
ORDER BY b.since

-- name: chart_enrolments
-- Programmes of patients, ended ones too.
SELECT patient, programme, us_of(since), us_of(coalesce(until, 'infinity'))
FROM enrolment WHERE patient = ANY (%(patients)s::integer[]) ORDER BY key

-- name: chart_spo2_targets
-- Recorded SpO2 targets of patients.
SELECT patient, low, high, us_of(since) FROM spo2_target WHERE patient = ANY (%(patients)s::integer[]) ORDER BY since, key

-- name: chart_gateways
-- Keys of gateways that are known.
SELECT id, key FROM gateway WHERE id = ANY (%(gateways)s::text[])

-- name: chart_add_gateways
-- Keys for new gateways, in order of their ids so that two writers can't lock each other out.
INSERT INTO gateway (id) SELECT g FROM unnest(%(gateways)s::text[]) AS g ORDER BY g
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, key

-- name: chart_heads
-- The highest (device time, sequence) charted or refused under each device and metric, from the ends of identity indexes.
SELECT s.device, s.metric, h.device_time_ns, h.sequence
FROM unnest(%(devices)s::integer[], %(metrics)s::smallint[]) AS s(device, metric)
CROSS JOIN LATERAL (
    (SELECT o.device_time_ns, o.sequence FROM observation o
     WHERE o.device = s.device AND o.metric = s.metric ORDER BY o.device_time_ns DESC, o.sequence DESC LIMIT 1)
    UNION ALL
    (SELECT t.device_time_ns, t.sequence FROM device_status t
     WHERE t.device = s.device AND t.metric = s.metric ORDER BY t.device_time_ns DESC, t.sequence DESC LIMIT 1)
    UNION ALL
    (SELECT r.device_time_ns, r.sequence FROM claim_refusal r
     WHERE r.device = s.device AND r.metric = s.metric ORDER BY r.device_time_ns DESC, r.sequence DESC LIMIT 1)
    ORDER BY 1 DESC, 2 DESC LIMIT 1
) h

-- name: chart_lock_devices
-- Keeps another writer from charting the same devices meanwhile; in 256 slots, because the lock table is small.
SELECT pg_advisory_xact_lock(%(lock_class)s, slot)
FROM (SELECT DISTINCT d & 255 AS slot FROM unnest(%(devices)s::integer[]) AS d ORDER BY slot) AS slots

-- name: chart_known
-- What is charted or was refused under identities; where one was moved to another patient, its living row comes last.
SELECT k.device, k.metric, k.device_time_ns, k.sequence, c.unit, c."values",
       c.value_1, c.decimals_1, c.absent_1, c.value_2, c.decimals_2, c.absent_2, c.value_3, c.decimals_3, c.absent_3
FROM unnest(%(devices)s::integer[], %(metrics)s::smallint[], %(times)s::bigint[], %(sequences)s::bigint[])
    AS k(device, metric, device_time_ns, sequence)
CROSS JOIN LATERAL (
    SELECT o.unit, o."values", o.value_1, o.decimals_1, o.absent_1, o.value_2, o.decimals_2, o.absent_2,
           o.value_3, o.decimals_3, o.absent_3, o.status
    FROM observation o
    WHERE o.device = k.device AND o.metric = k.metric AND o.device_time_ns = k.device_time_ns AND o.sequence = k.sequence
    UNION ALL
    SELECT t.unit, 1, t.value_1, t.decimals_1, t.absent_1, 0, 0, 0, 0, 0, 0, 0
    FROM device_status t
    WHERE t.device = k.device AND t.metric = k.metric AND t.device_time_ns = k.device_time_ns AND t.sequence = k.sequence
    UNION ALL
    SELECT r.unit, r."values", r.value_1, r.decimals_1, r.absent_1, r.value_2, r.decimals_2, r.absent_2,
           r.value_3, r.decimals_3, r.absent_3, 2
    FROM claim_refusal r
    WHERE r.device = k.device AND r.metric = k.metric AND r.device_time_ns = k.device_time_ns AND r.sequence = k.sequence
) c
ORDER BY c.status DESC

-- name: chart_history
-- Rows and device status of patients' stretches that are not entered in error; columns as in `copy_binary.HISTORY`.
COPY (
    SELECT o.id, o.patient, o.device, o.metric, o.unit, o."values", o.flags, o.measured_at, o.received_at, o.sequence,
           o.value_1, o.value_2, o.value_3, o.decimals_1, o.decimals_2, o.decimals_3, o.absent_1, o.absent_2, o.absent_3
    FROM unnest(%(patients)s::integer[], %(from_us)s::bigint[], %(to_us)s::bigint[]) AS r(patient, from_us, to_us)
    JOIN observation o ON o.patient = r.patient
        AND o.measured_at >= instant_of(r.from_us) AND o.measured_at <= instant_of(r.to_us)
    WHERE o.status <> 2
    UNION ALL
    -- What lies before: only the metrics whose rules look back further.
    SELECT o.id, o.patient, o.device, o.metric, o.unit, o."values", o.flags, o.measured_at, o.received_at, o.sequence,
           o.value_1, o.value_2, o.value_3, o.decimals_1, o.decimals_2, o.decimals_3, o.absent_1, o.absent_2, o.absent_3
    FROM unnest(%(deep_patients)s::integer[], %(deep_metrics)s::smallint[], %(deep_from_us)s::bigint[],
                %(deep_until_us)s::bigint[]) AS r(patient, metric, from_us, until_us)
    JOIN observation o ON o.patient = r.patient AND o.metric = r.metric
        AND o.measured_at >= instant_of(r.from_us) AND o.measured_at < instant_of(r.until_us)
    WHERE o.status <> 2
    UNION ALL
    SELECT t.id, t.patient, t.device, t.metric, t.unit, 1::smallint, t.flags, t.measured_at, t.received_at, t.sequence,
           t.value_1, 0, 0, t.decimals_1, 0::smallint, 0::smallint, t.absent_1, 0::smallint, 0::smallint
    FROM unnest(%(patients)s::integer[], %(earliest_us)s::bigint[], %(to_us)s::bigint[]) AS r(patient, from_us, to_us)
    JOIN device_status t ON t.patient = r.patient AND t.patient <> 0
        AND t.measured_at >= instant_of(r.from_us) AND t.measured_at <= instant_of(r.to_us)
) TO STDOUT (FORMAT binary)

-- name: chart_alerts
-- Alerts of patients that are active, overlap a stretch or were first raised by a reading of it, retracted ones included.
SELECT a.id, a.patient, a.rule, a.version, a.priority, a.title, a.condition, us_of(a.opened_at), us_of(a.cleared_at),
       a.late, a.readings, a.clearing, a.limits, a.explanation, a.merged_into
FROM unnest(%(patients)s::integer[], %(earliest_us)s::bigint[], %(to_us)s::bigint[]) AS r(patient, from_us, to_us)
JOIN alert a ON a.patient = r.patient
WHERE a.condition = 'active'
   OR (a.opened_at <= instant_of(r.to_us) AND (a.cleared_at IS NULL OR a.cleared_at >= instant_of(r.from_us)))
   OR a.origin_at BETWEEN instant_of(r.from_us) AND instant_of(r.to_us)
ORDER BY a.opened_at, a.id

-- name: chart_move
-- The compare-and-swap: moves shards whose epoch and offset are as expected, locked in shard order, and tells the feed.
WITH given AS (
    SELECT * FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[], %(expected)s::bigint[], %(next_offsets)s::bigint[],
                         %(applied)s::bigint[], %(duplicates)s::bigint[], %(forwarded)s::bigint[])
        AS g(shard, epoch, expected, next_offset, applied, duplicates, forwarded)
), ours AS MATERIALIZED (
    SELECT s.shard FROM shard s JOIN given g ON g.shard = s.shard AND g.epoch = s.epoch AND g.expected = s.next_offset
    ORDER BY s.shard FOR UPDATE OF s
), moved AS (
    UPDATE shard s
    SET next_offset = g.next_offset, applied = s.applied + g.applied,
        duplicates = s.duplicates + g.duplicates, forwarded = s.forwarded + g.forwarded
    FROM ours JOIN given g USING (shard) WHERE s.shard = ours.shard
    RETURNING s.shard
)
SELECT shard, pg_notify('chart', '') FROM moved

-- name: chart_ensure_partitions
-- Makes the months of these instants and, ahead of need, next month.
SELECT ensure_observation_partitions(array_agg(instant_of(us)) || (now() + interval '1 month'))
FROM unnest(%(instants)s::bigint[]) AS us

-- name: chart_quarantine
-- Keeps what could not be charted.
INSERT INTO quarantine (device, reason, message, received_at, raw, record, shard, journal_offset, journal_row)
SELECT q.device, q.reason, q.message, instant_of(q.received_us), q.raw, q.record, q.shard, q.journal_offset, q.journal_row
FROM unnest(%(devices)s::text[], %(reasons)s::text[], %(messages)s::text[], %(received_us)s::bigint[], %(raws)b::bytea[],
            %(records)b::bytea[], %(shards)s::smallint[], %(offsets)s::bigint[], %(rows)s::integer[]) WITH ORDINALITY
    AS q(device, reason, message, received_us, raw, record, shard, journal_offset, journal_row, place)
ORDER BY q.place

-- name: chart_upsert_alerts
-- The latest condition of each alert.
INSERT INTO alert (id, organisation, patient, rule, version, priority, title, condition, opened_at, cleared_at, late,
                   readings, clearing, limits, explanation, merged_into, engine_version, origin_at)
SELECT a.id, p.organisation, a.patient, a.rule, a.version, a.priority, a.title, a.condition, instant_of(a.opened_us),
       instant_of(a.cleared_us), a.late, a.readings::jsonb, a.clearing::jsonb, a.limits::jsonb, a.explanation, a.merged_into,
       %(engine_version)s, instant_of((a.readings::jsonb -> 0 ->> 'measured_us')::bigint)
FROM unnest(%(ids)s::uuid[], %(patients)s::integer[], %(rules)s::text[], %(versions)s::integer[], %(priorities)s::text[],
            %(titles)s::text[], %(conditions)s::text[], %(opened_us)s::bigint[], %(cleared_us)s::bigint[], %(late)s::boolean[],
            %(readings)s::text[], %(clearing)s::text[], %(limits)s::text[], %(explanations)s::text[], %(merged_into)s::uuid[])
    AS a(id, patient, rule, version, priority, title, condition, opened_us, cleared_us, late, readings, clearing, limits,
         explanation, merged_into)
LEFT JOIN patient p ON p.key = a.patient  -- an unknown patient then violates NOT NULL instead of losing the alert
ON CONFLICT (id) DO UPDATE
SET version = excluded.version, priority = excluded.priority, title = excluded.title, condition = excluded.condition,
    opened_at = excluded.opened_at, cleared_at = excluded.cleared_at, late = excluded.late, readings = excluded.readings,
    clearing = excluded.clearing, limits = excluded.limits, explanation = excluded.explanation,
    merged_into = excluded.merged_into, engine_version = excluded.engine_version

-- name: chart_alert_changes
-- What was said of alerts, in order.
INSERT INTO alert_change (alert, change, because)
SELECT c.alert, c.change, c.because::jsonb
FROM unnest(%(alerts)s::uuid[], %(changes)s::text[], %(because)s::text[]) WITH ORDINALITY AS c(alert, change, because, place)
ORDER BY c.place
