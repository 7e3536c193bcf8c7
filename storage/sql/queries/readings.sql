-- name: reading_list
-- A page of a patient's readings of some metrics, newest first, entered-in-error ones with who marked them.
SELECT f.*, d.id AS device, c.reason, c.note, c.actor, us_of(c.at) AS marked_us
FROM patient p
CROSS JOIN unnest(%(metrics)s::smallint[]) AS m (number)
CROSS JOIN LATERAL (
    SELECT o.id, o.patient, o.device AS device_key, o.gateway, o.source, o.metric, o.unit, o.flags, o.status, o.version,
           o."values", us_of(o.measured_at) AS measured_us, us_of(o.received_at) AS received_us,
           o.value_1, o.value_2, o.value_3, o.decimals_1, o.decimals_2, o.decimals_3,
           o.absent_1, o.absent_2, o.absent_3
    FROM observation o
    WHERE o.patient = p.key AND o.metric = m.number
      AND (%(after_us)s::bigint IS NULL
           OR (o.measured_at <= instant_of(%(after_us)s)
               AND (o.measured_at, o.id) < (instant_of(%(after_us)s), %(after_id)s::uuid)))
    ORDER BY o.measured_at DESC, o.id DESC
    LIMIT %(limit)s
) f
JOIN device d ON d.key = f.device_key
LEFT JOIN correction c ON c.observation = f.id
WHERE p.key = %(patient)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
ORDER BY f.measured_us DESC, f.id DESC
LIMIT %(limit)s

-- name: observation_patient
-- Whose Observation it is (key and logical id), inside a scope.
SELECT p.key, p.id
FROM observation o
JOIN patient p ON p.key = o.patient
WHERE o.id = %(id)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
LIMIT 1

-- name: insert_correction
-- The first mark on a reading; no row for everybody after it.
INSERT INTO correction (observation, patient, reason, note, actor)
VALUES (%(observation)s, %(patient)s, %(reason)s, %(note)s, %(actor)s)
ON CONFLICT (observation) DO NOTHING
RETURNING key

-- name: correction_of
-- The mark on a reading.
SELECT observation, patient, reason, note, actor, us_of(at) FROM correction WHERE observation = %(observation)s
