-- name: worklist_patients
-- Patients in a scope with their first identifier, programmes and teams.
SELECT p.key, p.id, p.name, p.born, p.sex, p.zone,
       (SELECT jsonb_agg(jsonb_build_array(i.system, i.value) ORDER BY i.system, i.value)
        FROM patient_identifier i WHERE i.patient = p.key) AS identifiers,
       coalesce(e.programmes, '{}') AS programmes,
       coalesce(e.teams, '{}') AS teams
FROM patient p
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT r.programme)
               FILTER (WHERE r.since <= now() AND (r.until IS NULL OR r.until > now())) AS programmes,
           array_agg(DISTINCT r.team) AS teams
    FROM enrolment r
    WHERE r.patient = p.key
) e ON true
WHERE p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL OR %(team)s = ANY (e.teams))
  AND (%(keys)s::integer[] IS NULL OR p.key = ANY (%(keys)s))

-- name: worklist_patient_key
-- The key of a logical id inside a scope.
SELECT p.key
FROM patient p
WHERE p.id = %(id)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))

-- name: worklist_newest
-- The newest reading of each metric of each patient in a scope, with the times of the newest few: some index probes each.
SELECT n.*, d.id AS device, t.times
FROM patient p
CROSS JOIN LATERAL (
    WITH RECURSIVE m (number) AS (  -- the patient's metrics, each found by one probe
        (SELECT o.metric FROM observation o WHERE o.patient = p.key ORDER BY o.metric LIMIT 1)
        UNION ALL
        SELECT (SELECT o.metric FROM observation o WHERE o.patient = p.key AND o.metric > m.number
                ORDER BY o.metric LIMIT 1)
        FROM m
        WHERE m.number IS NOT NULL
    )
    SELECT m.number FROM m WHERE m.number IS NOT NULL
) m
CROSS JOIN LATERAL (
    SELECT o.id, o.patient, o.device AS device_key, o.gateway, o.source, o.metric, o.unit, o.flags, o.status, o.version,
           o."values",
           us_of(o.measured_at) AS measured_us,
           us_of(o.received_at) AS received_us,
           o.value_1, o.value_2, o.value_3, o.decimals_1, o.decimals_2, o.decimals_3,
           o.absent_1, o.absent_2, o.absent_3
    FROM observation o
    WHERE o.patient = p.key AND o.metric = m.number AND o.status <> 2
    ORDER BY o.measured_at DESC
    LIMIT 1
) n
CROSS JOIN LATERAL (
    SELECT array_agg(r.measured_us ORDER BY r.measured_us DESC) AS times
    FROM (
        SELECT us_of(o.measured_at) AS measured_us
        FROM observation o
        WHERE o.patient = p.key AND o.metric = m.number AND o.status <> 2
        ORDER BY o.measured_at DESC
        LIMIT %(times)s
    ) r
) t
JOIN device d ON d.key = n.device_key
WHERE p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
  AND (%(keys)s::integer[] IS NULL OR p.key = ANY (%(keys)s))

-- name: patient_detail
-- What the patient page shows beside the worklist row.
SELECT p.born,
       coalesce((SELECT jsonb_agg(jsonb_build_array(
                            r.programme,
                            CASE WHEN isfinite(r.since)
                                 THEN us_of(r.since) END) ORDER BY r.programme)
                 FROM enrolment r
                 WHERE r.patient = p.key AND r.since <= now() AND (r.until IS NULL OR r.until > now())),
                '[]') AS programmes,
       (SELECT jsonb_agg(jsonb_build_array(i.system, i.value) ORDER BY i.system, i.value)
        FROM patient_identifier i WHERE i.patient = p.key) AS identifiers,
       (SELECT ARRAY[s.low, s.high]
        FROM spo2_target s
        WHERE s.patient = p.key AND s.since <= now()
        ORDER BY s.since DESC, s.key DESC
        LIMIT 1) AS spo2_target
FROM patient p
WHERE p.key = %(patient)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))

-- name: patient_devices
-- Devices bound to a patient now, with their presence, battery and the newest receipt; values entered by hand have none.
SELECT d.id,
       nullif(concat_ws(' ', m.maker, m.model), '') AS model,
       s.online,
       us_of(greatest(o.received_at, b.received_at)) AS last_received_us,
       b.value_1 AS battery_percent,
       CASE WHEN isfinite(lower(k.period))
            THEN us_of(lower(k.period)) END AS bound_since_us
FROM patient p
JOIN binding k ON k.patient = p.key AND k.period @> now() AND k.proven
JOIN device d ON d.key = k.device
LEFT JOIN device_model m ON m.key = d.model
LEFT JOIN device_presence s ON s.device = d.key
LEFT JOIN LATERAL (
    SELECT t.value_1, t.received_at
    FROM device_status t
    WHERE t.device = d.key AND t.metric = %(battery)s AND t.absent_1 = 0
    ORDER BY t.measured_at DESC
    LIMIT 1
) b ON true
LEFT JOIN LATERAL (
    SELECT max(n.received_at) AS received_at
    FROM unnest(%(metrics)s::smallint[]) AS c (number)
    CROSS JOIN LATERAL (
        SELECT r.received_at
        FROM observation r
        WHERE r.patient = p.key AND r.metric = c.number AND r.device = d.key
          AND r.measured_at > now() - interval '31 days'  -- an older one is no sign of life
        ORDER BY r.measured_at DESC
        LIMIT 1
    ) n
) o ON true
WHERE p.key = %(patient)s
  AND d.id <> %(manual)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
ORDER BY d.id
