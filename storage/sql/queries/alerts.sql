-- name: list_alerts
-- A page of the alerts of a state, newest opening first.
SELECT a.id, p.key AS patient_key, p.id AS patient, p.name AS patient_name, a.rule, a.version, a.priority, a.title,
       a.condition, us_of(a.opened_at) AS opened_us,
       us_of(a.cleared_at) AS cleared_us, a.late, a.readings, a.clearing, a.limits,
       a.explanation, k.actor AS acknowledged_by, us_of(k.at) AS acknowledged_us,
       u.updates
FROM alert a
JOIN patient p ON p.key = a.patient
LEFT JOIN alert_act k ON k.alert = a.id AND k.act = 'acknowledge'
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'at_us', us_of(c.at), 'change', c.change, 'because', c.because)
               ORDER BY c.key), '[]') AS updates
    FROM (SELECT * FROM alert_change h WHERE h.alert = a.id ORDER BY h.key DESC LIMIT %(updates)s) c
) u
WHERE (%(id)s::text IS NULL OR p.id = %(id)s)
  AND CASE %(state)s::text
          WHEN 'open' THEN a.condition = 'active' OR (a.condition = 'cleared' AND k.key IS NULL)
          WHEN 'active' THEN a.condition = 'active'
          WHEN 'unacknowledged' THEN a.condition <> 'retracted' AND k.key IS NULL
          WHEN 'acknowledged' THEN a.condition <> 'retracted' AND k.key IS NOT NULL
          WHEN 'cleared' THEN a.condition = 'cleared'
          ELSE true
      END
  AND (%(after_at)s::timestamptz IS NULL OR (a.opened_at, a.id) < (%(after_at)s, %(after_id)s::uuid))
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
ORDER BY a.opened_at DESC, a.id DESC
LIMIT %(limit)s

-- name: open_alerts
-- Everything that waits for somebody: active, or cleared and not acknowledged.
SELECT a.id, p.key AS patient_key, p.id AS patient, p.name AS patient_name, a.rule, a.version, a.priority, a.title,
       a.condition, us_of(a.opened_at) AS opened_us,
       us_of(a.cleared_at) AS cleared_us, a.late, a.readings, a.clearing, a.limits,
       a.explanation, k.actor AS acknowledged_by, us_of(k.at) AS acknowledged_us,
       u.updates
FROM alert a
JOIN patient p ON p.key = a.patient
LEFT JOIN alert_act k ON k.alert = a.id AND k.act = 'acknowledge'
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'at_us', us_of(c.at), 'change', c.change, 'because', c.because)
               ORDER BY c.key), '[]') AS updates
    FROM (SELECT * FROM alert_change h WHERE h.alert = a.id ORDER BY h.key DESC LIMIT %(updates)s) c
) u
WHERE (a.condition = 'active' OR (a.condition = 'cleared' AND k.key IS NULL))
  AND (%(keys)s::integer[] IS NULL OR a.patient = ANY (%(keys)s))
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))

-- name: alerts_by_id
-- Alerts by their ids.
SELECT a.id, p.key AS patient_key, p.id AS patient, p.name AS patient_name, a.rule, a.version, a.priority, a.title,
       a.condition, us_of(a.opened_at) AS opened_us,
       us_of(a.cleared_at) AS cleared_us, a.late, a.readings, a.clearing, a.limits,
       a.explanation, k.actor AS acknowledged_by, us_of(k.at) AS acknowledged_us,
       u.updates
FROM alert a
JOIN patient p ON p.key = a.patient
LEFT JOIN alert_act k ON k.alert = a.id AND k.act = 'acknowledge'
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'at_us', us_of(c.at), 'change', c.change, 'because', c.because)
               ORDER BY c.key), '[]') AS updates
    FROM (SELECT * FROM alert_change h WHERE h.alert = a.id ORDER BY h.key DESC LIMIT %(updates)s) c
) u
WHERE a.id = ANY (%(ids)s::uuid[])
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))

-- name: insert_acknowledgement
-- The first acknowledgement of an alert; no row for everybody after it.
INSERT INTO alert_act (alert, act, actor) VALUES (%(alert)s, 'acknowledge', %(actor)s)
ON CONFLICT (alert) WHERE act = 'acknowledge' DO NOTHING
RETURNING key

-- name: notify_chart
-- Wakes whoever follows the chart, when this transaction commits.
SELECT pg_notify('chart', '')
