-- name: series_parts
-- What a patient's stretch holds, by metric, device and unit.
SELECT o.metric, o.device AS device_key, d.id AS device, o.unit, max(o."values")::integer AS parts, count(*) AS count
FROM patient p
JOIN observation o ON o.patient = p.key
JOIN device d ON d.key = o.device
WHERE p.key = %(patient)s AND o.measured_at BETWEEN %(start)s AND %(end)s AND o.status <> 2
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
GROUP BY o.metric, o.device, d.id, o.unit
ORDER BY o.metric, d.id, o.unit
LIMIT %(limit)s

-- name: series_wrong
-- The newest entered-in-error points of each metric, device and unit, oldest first.
SELECT w.metric, w.device_key, w.device, w.unit, w.us, w.id, w.parts, w.value_1, w.value_2, w.value_3,
       w.absent_1, w.absent_2, w.absent_3
FROM (
    SELECT o.metric, o.device AS device_key, d.id AS device, o.unit, us_of(o.measured_at) AS us, o.id,
           o."values"::integer AS parts, o.value_1, o.value_2, o.value_3, o.absent_1, o.absent_2, o.absent_3,
           row_number() OVER (PARTITION BY o.metric, o.device, o.unit ORDER BY o.measured_at DESC) AS place
    FROM patient p
    JOIN observation o ON o.patient = p.key
    JOIN device d ON d.key = o.device
    WHERE p.key = %(patient)s AND o.measured_at BETWEEN %(start)s AND %(end)s AND o.status = 2
      AND p.organisation = %(organisation)s
      AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
      AND (%(team)s::integer IS NULL
           OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
) w
WHERE w.place <= %(wrong_max)s
ORDER BY w.metric, w.device, w.unit, w.us

-- name: series_points
-- Every point of one metric, device and unit of a patient that the scope was checked for.
SELECT us_of(o.measured_at) AS us, o.flags,
       o.value_1, o.value_2, o.value_3, o.absent_1, o.absent_2, o.absent_3
FROM observation o
JOIN patient p ON p.key = o.patient
WHERE o.patient = %(patient)s AND o.metric = %(metric)s AND o.device = %(device)s AND o.unit = %(unit)s
  AND o.measured_at BETWEEN %(start)s AND %(end)s AND o.status <> 2
  AND p.organisation = %(organisation)s
ORDER BY o.measured_at
LIMIT 2000

-- name: series_extremes
-- The lowest and the highest point of each slice of time, as [value, us]; arrays compare by value, then by time.
SELECT min(ARRAY[x.value, x.us]) AS lowest, max(ARRAY[x.value, x.us]) AS highest, bit_or(x.flags) AS flags
FROM (
    SELECT CASE %(place)s::integer WHEN 1 THEN o.value_1 WHEN 2 THEN o.value_2 ELSE o.value_3 END AS value,
           CASE %(place)s::integer WHEN 1 THEN o.absent_1 WHEN 2 THEN o.absent_2 ELSE o.absent_3 END AS absent,
           extract(epoch FROM o.measured_at)::float8 * 1000000 AS us,  -- float8 is exact to 2^53 us: year 2255
           o.flags
    FROM observation o
    JOIN patient p ON p.key = o.patient
    WHERE o.patient = %(patient)s AND o.metric = %(metric)s AND o.device = %(device)s AND o.unit = %(unit)s
      AND o.measured_at BETWEEN %(start)s AND %(end)s AND o.status <> 2
      AND p.organisation = %(organisation)s
) x
WHERE x.absent = 0
GROUP BY floor((x.us - extract(epoch FROM %(start)s::timestamptz)::float8 * 1000000) / %(slice_us)s)
ORDER BY min(x.us)

-- name: patient_rules
-- The newest version of each rule of the programmes that a patient is in now; everybody is in the first two.
SELECT DISTINCT ON (u.id) u.id AS rule, u.priority, u.metric, u.unit, u.definition
FROM rule u
JOIN patient p ON p.organisation = u.organisation
WHERE p.key = %(patient)s
  AND p.organisation = %(organisation)s
  AND (u.programme IN ('general', 'technical')
       OR EXISTS (SELECT FROM enrolment r
                  WHERE r.patient = p.key AND r.programme = u.programme
                    AND r.since <= now() AND (r.until IS NULL OR r.until > now())))
ORDER BY u.id, u.version DESC
