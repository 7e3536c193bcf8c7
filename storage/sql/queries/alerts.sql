-- Reads of the view `alert_shown`; {columns} and {scope} are put in by storage/chart/alerts.py.

-- name: alert_columns
-- Columns of storage.chart.alerts.AlertRecord.
s.id, s.patient_key, s.patient, s.patient_name, s.gateway, s.rule, s.version, s.priority, s.title, s.condition,
s.opened_us, s.cleared_us, s.late, s.readings, s.clearing, s.limits, s.explanation, s.acknowledged_by,
s.acknowledged_us, s.outcome, s.outcome_note, s.closed_by, s.closed_us, s.updates

-- name: alert_scope
-- Whose alerts a caller sees. A gateway's belongs to no patient: staff see it, whatever their team; no patient does.
s.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR s.patient_key = %(only_patient)s)
  AND (%(team)s::integer IS NULL OR s.patient_key IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = s.patient_key AND r.team = %(team)s))

-- name: list_alerts
-- A page of the alerts of a state, newest opening first.
SELECT {columns}
FROM alert_shown s
WHERE (%(id)s::text IS NULL OR s.patient = %(id)s)
  AND CASE %(state)s::text
          WHEN 'open' THEN s.condition = 'active' OR (s.condition = 'cleared' AND s.acknowledged_by IS NULL)
          WHEN 'active' THEN s.condition = 'active'
          WHEN 'unacknowledged' THEN s.condition <> 'retracted' AND s.acknowledged_by IS NULL
          WHEN 'acknowledged' THEN s.condition <> 'retracted' AND s.acknowledged_by IS NOT NULL
          WHEN 'cleared' THEN s.condition = 'cleared'
          ELSE true
      END
  AND (%(after_at)s::timestamptz IS NULL OR (s.opened_at, s.id) < (%(after_at)s, %(after_id)s::uuid))
  AND {scope}
ORDER BY s.opened_at DESC, s.id DESC
LIMIT %(limit)s

-- name: open_alerts
-- Everything about patients that waits for somebody: active, or cleared and not acknowledged.
SELECT {columns}
FROM alert_shown s
WHERE (s.condition = 'active' OR (s.condition = 'cleared' AND s.acknowledged_by IS NULL))
  AND s.patient_key IS NOT NULL
  AND (%(keys)s::integer[] IS NULL OR s.patient_key = ANY (%(keys)s))
  AND {scope}

-- name: open_gateway_alerts
-- The same, of gateways.
SELECT {columns}
FROM alert_shown s
WHERE (s.condition = 'active' OR (s.condition = 'cleared' AND s.acknowledged_by IS NULL))
  AND s.gateway IS NOT NULL
  AND {scope}

-- name: alerts_by_id
-- Alerts by their ids.
SELECT {columns}
FROM alert_shown s
WHERE s.id = ANY (%(ids)s::uuid[])
  AND {scope}

-- name: insert_acknowledgement
-- The first acknowledgement of an alert; no row for everybody after it.
INSERT INTO alert_act (alert, act, actor) VALUES (%(alert)s, 'acknowledge', %(actor)s)
ON CONFLICT (alert) WHERE act = 'acknowledge' DO NOTHING
RETURNING key

-- name: insert_outcome
-- The first outcome of an alert; no row for everybody after it.
INSERT INTO alert_act (alert, act, actor, outcome, note) VALUES (%(alert)s, 'outcome', %(actor)s, %(outcome)s, %(note)s)
ON CONFLICT (alert) WHERE act = 'outcome' DO NOTHING
RETURNING key

-- name: notify_chart
-- Wakes whoever follows the chart, when this transaction commits.
SELECT pg_notify('chart', '')
