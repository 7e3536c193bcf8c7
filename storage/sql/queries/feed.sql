-- name: feed_snapshot
-- The oldest transaction still running, and the first one not yet begun.
SELECT pg_snapshot_xmin(s)::text::bigint AS xmin, pg_snapshot_xmax(s)::text::bigint AS xmax
FROM pg_current_snapshot() AS s

-- name: feed_readings
-- Visible rows of the chart at or above a cursor.
SELECT o.id, o.xid::text::bigint AS xid, o.patient, d.id AS device, o.gateway, o.source, o.metric, o.unit, o.flags,
       o.status, o.version, o."values",
       us_of(o.measured_at) AS measured_us,
       us_of(o.received_at) AS received_us,
       o.value_1, o.value_2, o.value_3, o.decimals_1, o.decimals_2, o.decimals_3,
       o.absent_1, o.absent_2, o.absent_3
FROM observation o
JOIN device d ON d.key = o.device
WHERE o.xid >= %(cursor)s::xid8
LIMIT %(limit)s

-- name: feed_alerts
-- Visible changes of alerts and acts on them at or above a cursor.
SELECT 'change' AS kind, c.key, c.alert, c.xid::text::bigint AS xid, c.at
FROM alert_change c
WHERE c.xid >= %(cursor)s::xid8
UNION ALL
SELECT 'act', a.key, a.alert, a.xid::text::bigint, a.at
FROM alert_act a
WHERE a.xid >= %(cursor)s::xid8
ORDER BY at, kind DESC, key
LIMIT %(limit)s

-- name: feed_alerts_since
-- Alerts of a scope (`alert_scope`) that changed at or above a cursor, in the order of their last change.
SELECT e.alert
FROM (
    SELECT c.alert, c.at FROM alert_change c WHERE c.xid >= %(cursor)s::xid8
    UNION ALL
    SELECT a.alert, a.at FROM alert_act a WHERE a.xid >= %(cursor)s::xid8
) e
JOIN alert_shown s ON s.id = e.alert
WHERE {scope}
GROUP BY e.alert
ORDER BY max(e.at)
LIMIT %(limit)s

-- name: feed_identity
-- What transaction ids belong to.
SELECT concat_ws('/', i.id, s.system_identifier, c.timeline_id)
FROM installation i, pg_control_system() s, pg_control_checkpoint() c
