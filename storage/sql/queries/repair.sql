-- name: repair_lock
-- Devices by id, and those that made Observations, locked like `chart_lock_devices`.
SELECT pg_advisory_xact_lock(%(lock_class)s, slot)
FROM (SELECT DISTINCT d.key & 255 AS slot
      FROM (SELECT key FROM device WHERE id = ANY (%(devices)s::text[])
            UNION ALL SELECT device FROM observation WHERE id = ANY (%(observations)s::uuid[])) AS d(key)
      ORDER BY slot) AS slots

-- name: repair_withdraw
-- Enters in error what lives under the identities of Observations, whoever has it by now; says whose it was.
WITH marked AS (
    SELECT DISTINCT device, metric, device_time_ns, sequence FROM observation WHERE id = ANY (%(observations)s::uuid[])
), withdrawn AS (
    UPDATE observation o
    SET status = 2, version = o.version + 1, updated_at = now(), xid = pg_current_xact_id()
    FROM marked m
    WHERE o.device = m.device AND o.metric = m.metric AND o.device_time_ns = m.device_time_ns
      AND o.sequence = m.sequence AND o.status <> 2
    RETURNING o.patient, o.measured_at
)
SELECT w.patient, p.id, us_of(w.measured_at) FROM withdrawn w JOIN patient p ON p.key = w.patient

-- name: repair_strays
-- Rows of devices that somebody else, or nobody, has by the bindings of now, in order of time.
WITH gone AS MATERIALIZED (
    SELECT key FROM device WHERE id = ANY (%(devices)s::text[])
), people AS MATERIALIZED (
    SELECT key FROM patient WHERE id = ANY (%(patients)s::text[])
    UNION SELECT b.patient FROM binding b WHERE b.device IN (SELECT key FROM gone)
), charted AS (
    -- By patient, metric and time, as the index has it: a device with a year of right rows costs nothing.
    SELECT o.id, true AS living, o.patient, o.device, o.metric, o.device_time_ns, o.sequence, o.measured_at,
           o.received_at, o.flags
    FROM people p CROSS JOIN unnest(%(metrics)s::smallint[]) AS m(metric)
    JOIN observation o ON o.patient = p.key AND o.metric = m.metric AND o.measured_at >= instant_of(%(since_us)s)
    WHERE o.status <> 2 AND o.device IN (SELECT key FROM gone) AND NOT EXISTS (
        SELECT FROM binding b WHERE b.device = o.device AND b.patient = o.patient AND b.proven
            AND b.period @> o.measured_at)
    UNION ALL
    SELECT o.id, false, o.patient, o.device, o.metric, o.device_time_ns, o.sequence, o.measured_at,
           o.received_at, o.flags
    FROM gone g JOIN observation o ON o.device = g.key AND o.status = 2 AND o.measured_at >= instant_of(%(since_us)s)
    WHERE EXISTS (SELECT FROM binding b WHERE b.device = o.device AND b.proven AND b.period @> o.measured_at)
      AND NOT EXISTS (
        SELECT FROM observation x
        WHERE x.device = o.device AND x.metric = o.metric AND x.device_time_ns = o.device_time_ns
          AND x.sequence = o.sequence AND x.status <> 2)
), stray AS (
    SELECT false AS status, c.* FROM charted c
    WHERE NOT EXISTS (
        SELECT FROM observation x JOIN correction k ON k.observation = x.id
        WHERE x.device = c.device AND x.metric = c.metric AND x.device_time_ns = c.device_time_ns
          AND x.sequence = c.sequence)
    UNION ALL
    SELECT true, t.id, true, t.patient, t.device, t.metric, t.device_time_ns, t.sequence, t.measured_at,
           t.received_at, t.flags
    FROM gone g JOIN device_status t ON t.device = g.key AND t.measured_at >= instant_of(%(since_us)s)
    WHERE t.patient <> coalesce(
        (SELECT b.patient FROM binding b WHERE b.device = t.device AND b.proven AND b.period @> t.measured_at), 0)
)
SELECT s.id, s.status, s.living, s.patient, coalesce(p.id, ''), s.device, s.metric, s.device_time_ns, s.sequence,
       us_of(s.measured_at), us_of(s.received_at), s.flags
FROM stray s LEFT JOIN patient p ON p.key = s.patient
ORDER BY s.measured_at FETCH FIRST (%(limit)s) ROWS WITH TIES

-- name: repair_take
-- Enters Observations in error.
UPDATE observation o
SET status = 2, version = o.version + 1, updated_at = now(), xid = pg_current_xact_id()
FROM unnest(%(old)s::uuid[], %(measured_us)s::bigint[]) AS m(id, measured_us)
WHERE o.id = m.id AND o.measured_at = instant_of(m.measured_us) AND o.status <> 2

-- name: repair_revive
-- Makes Observations final again that were in error under the id that they now get.
UPDATE observation o
SET status = 0, version = o.version + 1, updated_at = now(), xid = pg_current_xact_id()
FROM unnest(%(new)s::uuid[], %(measured_us)s::bigint[]) AS m(id, measured_us)
WHERE o.id = m.id AND o.measured_at = instant_of(m.measured_us) AND o.status = 2

-- name: repair_give
-- Charts readings for their new patients where they never were before, and says that each is a second row of one reading.
WITH given AS (
    SELECT * FROM unnest(%(old)s::uuid[], %(new)s::uuid[], %(patients)s::integer[], %(measured_us)s::bigint[])
        AS g(old, new, patient, measured_us)
), made AS (
    INSERT INTO observation (id, patient, device, gateway, metric, unit, "values", source, flags, measured_at, received_at,
                             device_time_ns, sequence, clock_offset_us, utc_offset_min, value_1, value_2, value_3,
                             decimals_1, decimals_2, decimals_3, absent_1, absent_2, absent_3, shard, journal_offset,
                             journal_row)
    SELECT g.new, g.patient, o.device, o.gateway, o.metric, o.unit, o."values", o.source, o.flags, o.measured_at,
           o.received_at, o.device_time_ns, o.sequence, o.clock_offset_us, o.utc_offset_min, o.value_1, o.value_2,
           o.value_3, o.decimals_1, o.decimals_2, o.decimals_3, o.absent_1, o.absent_2, o.absent_3, o.shard,
           o.journal_offset, o.journal_row
    FROM given g JOIN observation o ON o.id = g.old AND o.measured_at = instant_of(g.measured_us)
    WHERE NOT EXISTS (
        SELECT FROM observation x WHERE x.id = g.new AND x.measured_at = instant_of(g.measured_us))
    RETURNING id
)
INSERT INTO observation_move (old, new) SELECT g.old, g.new FROM given g JOIN made ON made.id = g.new

-- name: repair_status
-- Gives device status to its patients.
UPDATE device_status t SET patient = m.patient, id = m.id
FROM unnest(%(devices)s::integer[], %(metrics)s::smallint[], %(times)s::bigint[], %(sequences)s::bigint[],
            %(patients)s::integer[], %(new)s::uuid[]) AS m(device, metric, device_time_ns, sequence, patient, id)
WHERE t.device = m.device AND t.metric = m.metric AND t.device_time_ns = m.device_time_ns AND t.sequence = m.sequence
