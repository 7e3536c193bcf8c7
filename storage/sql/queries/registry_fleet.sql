-- name: fleet
-- Devices of a scope, all or one: whose they are or are reserved for, and what was last heard of them.
SELECT d.key, d.id, d.transport, m.maker, m.model, m.firmware, d.serial, d.state, us_of(d.state_at) AS state_us,
       p.key AS patient_key, p.id AS patient,
       (SELECT us_of(c.expires_at) FROM claim_code c
        WHERE c.device = d.key AND c.used_at IS NULL AND c.withdrawn_at IS NULL) AS code_until_us,
       s.online, b.value_1 AS battery_percent,
       us_of(greatest(o.received_at, b.received_at, q.received_at)) AS last_received_us,
       t.signal_dbm, coalesce(h.id, g.id) AS gateway
FROM device d
LEFT JOIN device_model m ON m.key = d.model
LEFT JOIN binding k ON k.device = d.key AND upper_inf(k.period)
LEFT JOIN patient p ON p.key = coalesce(k.patient, d.kit_patient)
LEFT JOIN device_presence s ON s.device = d.key
LEFT JOIN device_contact t ON t.device = d.key
LEFT JOIN gateway h ON h.key = t.gateway
LEFT JOIN LATERAL (
    SELECT r.value_1, r.received_at
    FROM device_status r
    WHERE r.device = d.key AND r.metric = %(battery)s AND r.absent_1 = 0
    ORDER BY r.measured_at DESC
    LIMIT 1
) b ON true
LEFT JOIN LATERAL (
    WITH RECURSIVE n (number) AS (  -- the device's metrics, each found by one probe
        (SELECT r.metric FROM observation r WHERE r.device = d.key ORDER BY r.metric LIMIT 1)
        UNION ALL
        SELECT (SELECT r.metric FROM observation r WHERE r.device = d.key AND r.metric > n.number
                ORDER BY r.metric LIMIT 1)
        FROM n
        WHERE n.number IS NOT NULL
    )
    SELECT r.received_at, r.gateway
    FROM n
    CROSS JOIN LATERAL (
        -- Some, not one: a time from a wild clock stands above all that came after it.
        SELECT r.received_at, r.gateway
        FROM observation r
        WHERE r.device = d.key AND r.metric = n.number
        ORDER BY r.device_time_ns DESC, r.sequence DESC
        LIMIT 5
    ) r
    WHERE n.number IS NOT NULL
    ORDER BY r.received_at DESC
    LIMIT 1
) o ON true
LEFT JOIN gateway g ON g.key = o.gateway
LEFT JOIN LATERAL (
    SELECT w.received_at FROM quarantine w WHERE w.device = d.id AND w.state = 'open' ORDER BY w.key DESC LIMIT 1
) q ON true
WHERE d.organisation = %(organisation)s
  AND NOT starts_with(d.id, %(manual)s)
  AND (%(device)s::text IS NULL OR d.id = %(device)s)
  AND (p.key IS NULL OR (
      p.organisation = %(organisation)s
      AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
      AND (%(team)s::integer IS NULL
           OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))))
ORDER BY d.id

-- name: ensure_device_model
-- The key of a model, made when new.
INSERT INTO device_model (maker, model, firmware) VALUES (%(maker)s, %(model)s, %(firmware)s)
ON CONFLICT (maker, model, firmware) DO UPDATE SET maker = excluded.maker
RETURNING key

-- name: make_device
-- A device that nobody has and nothing signs in as; no row when the id is taken.
INSERT INTO device (id, organisation, model, transport, serial, password_sha256)
VALUES (%(id)s, %(organisation)s, %(model)s, %(transport)s, %(serial)s, '')
ON CONFLICT (id) DO NOTHING
RETURNING key

-- name: gateways_seen
-- Every gateway and when it was last seen; the last column is now.
SELECT g.key, g.id, us_of(g.seen_at), us_of(now()) FROM gateway g ORDER BY g.id

-- name: note_refused
-- Somebody tried to sign in as the device with a wrong password.
INSERT INTO device_contact (device, refused_at) SELECT key, now() FROM device WHERE id = %(device)s
ON CONFLICT (device) DO UPDATE SET refused_at = excluded.refused_at

-- name: note_signal
-- How loud a gateway hears the device; an older note never replaces a newer one.
INSERT INTO device_contact AS c (device, heard_at, signal_dbm, gateway)
SELECT d.key, instant_of(%(at_us)s), %(dbm)s, g.key FROM device d LEFT JOIN gateway g ON g.id = %(gateway)s
WHERE d.id = %(device)s
ON CONFLICT (device) DO UPDATE
SET heard_at = excluded.heard_at, signal_dbm = excluded.signal_dbm, gateway = excluded.gateway
WHERE c.heard_at IS NULL OR excluded.heard_at >= c.heard_at
