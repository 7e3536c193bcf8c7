-- name: directory_devices
-- Credentials of those devices that are not revoked, with the patient bound to each now, proven or not.
SELECT d.id, d.password_sha256, p.id, p.zone
FROM device d
LEFT JOIN binding b ON b.device = d.key AND b.period @> now()
LEFT JOIN patient p ON p.key = b.patient
WHERE d.id = ANY(%(devices)s) AND d.revoked_at IS NULL

-- name: directory_refused
-- Counts one refusal, keeps its sample, drops the sample that is one too many.
WITH counted AS (
    INSERT INTO refused_count AS r (reason, count) VALUES (%(reason)s, 1)
    ON CONFLICT (reason) DO UPDATE SET count = r.count + 1
), kept AS (
    INSERT INTO refused (device, reason, sample) VALUES (%(device)s, %(reason)s, %(sample)s) RETURNING key
)
DELETE FROM refused WHERE key <= (SELECT key FROM kept) - %(samples_max)s

-- name: directory_presence
-- The newest thing that is known of a device's connection.
INSERT INTO device_presence AS p (device, online, changed_at)
SELECT key, %(online)s, instant_of(%(at_us)s) FROM device WHERE id = %(device)s
ON CONFLICT (device) DO UPDATE SET online = excluded.online, changed_at = excluded.changed_at
WHERE excluded.changed_at >= p.changed_at
