-- name: gateway_beat
-- A gateway's sign of life; makes the gateway known.
INSERT INTO gateway (id, seen_at) VALUES (%(id)s, now())
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at

-- name: signs_of_life
-- Now, when the stream engine was last seen, the blind stretches of the last days, and all gateways that ever beat.
SELECT us_of(now()),
       (SELECT us_of(h.seen_at) FROM heartbeat h WHERE h.name = 'streams'),
       coalesce((SELECT jsonb_agg(jsonb_build_array(us_of(b.since), us_of(b."until")) ORDER BY b.since)
                 FROM blind b WHERE b."until" > now() - make_interval(days => %(days)s)), '[]'),
       coalesce((SELECT jsonb_agg(jsonb_build_array(g.key, g.id, us_of(g.seen_at)) ORDER BY g.id)
                 FROM gateway g WHERE g.seen_at IS NOT NULL), '[]')

-- name: patients_offline
-- Patients of whose devices we know that they are all offline.
SELECT b.patient
FROM binding b
JOIN patient p ON p.key = b.patient
JOIN device_presence s ON s.device = b.device
WHERE b.period @> now() AND b.proven AND p.organisation = %(organisation)s
GROUP BY b.patient
HAVING bool_and(NOT s.online)

-- name: gateway_watch_lock
-- Whether this transaction is the one that watches the gateways now.
SELECT pg_try_advisory_xact_lock(hashtext('gateway watch'))

-- name: active_gateway_alerts
-- What was said of gateways and still holds.
SELECT id, gateway, us_of(opened_at) FROM alert WHERE gateway IS NOT NULL AND rule = %(rule)s AND condition = 'active'

-- name: open_gateway_alert
-- Opens an alert about a gateway; no row when the same silence has one.
WITH opened AS (
    INSERT INTO alert (id, gateway, rule, version, priority, title, condition, opened_at, late, readings, limits,
                       explanation, engine_version)
    VALUES (%(id)s, %(gateway)s, %(rule)s, %(version)s, 'technical', %(title)s, 'active', instant_of(%(at_us)s), false,
            '[]', %(limits)s, %(explanation)s, %(engine_version)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO alert_change (alert, change) SELECT id, 'opened' FROM opened
RETURNING alert

-- name: clear_gateway_alert
-- The gateway is back.
WITH cleared AS (
    UPDATE alert SET condition = 'cleared', cleared_at = instant_of(%(at_us)s)
    WHERE id = %(id)s AND condition = 'active'
    RETURNING id
)
INSERT INTO alert_change (alert, change) SELECT id, 'cleared' FROM cleared
