-- name: upsert_device
-- Registers a device, or gives a known one a new password and lifts its revocation; locks the row.
INSERT INTO device (id, password_sha256) VALUES (%(id)s, %(password_sha256)s)
ON CONFLICT (id) DO UPDATE
    SET password_sha256 = excluded.password_sha256, rotated_at = now(), revoked_at = NULL
RETURNING key, xmax = 0

-- name: lock_device
-- Finds a device and keeps others from changing its bindings meanwhile.
SELECT key FROM device WHERE id = %(id)s FOR UPDATE

-- name: enter_state
-- Brings a device into a state and writes down who did that when, and for whom.
WITH told AS (
    INSERT INTO device_event (device, state, patient, actor, at)
    VALUES (%(device)s, %(state)s, %(patient)s, %(actor)s, %(at)s)
)
UPDATE device SET state = %(state)s, state_at = %(at)s WHERE key = %(device)s

-- name: withdraw_codes
-- No code opens the device any more.
UPDATE claim_code SET withdrawn_at = %(at)s WHERE device = %(device)s AND used_at IS NULL AND withdrawn_at IS NULL

-- name: cancel_claims
-- A claim that isn't proven yet ends.
UPDATE claim SET cancelled_at = %(at)s WHERE device = %(device)s AND proven_at IS NULL AND cancelled_at IS NULL

-- name: reserve_device
-- Whom the device is reserved for; null: nobody.
UPDATE device SET kit_patient = %(patient)s WHERE key = %(device)s

-- name: binding_count
-- How often a device was ever bound.
SELECT count(*) FROM binding WHERE device = %(device)s

-- name: open_binding
-- The binding without an end; its start is null when it holds from the beginning of time.
SELECT b.key, p.key, p.id, nullif(lower(b.period), '-infinity')
FROM binding b
JOIN patient p ON p.key = b.patient
WHERE b.device = %(device)s AND upper_inf(b.period)

-- name: insert_binding
-- Binds a device to a patient from a time on; the database refuses an overlap.
INSERT INTO binding (device, patient, period, proven, author)
VALUES (%(device)s, %(patient)s, tstzrange(%(since)s, NULL), %(proven)s, %(author)s)
RETURNING key

-- name: end_binding
-- Ends a binding.
UPDATE binding SET period = tstzrange(lower(period), %(at)s) WHERE key = %(key)s

-- name: insert_manual_device
-- The device of a patient's values entered by hand: revoked, with a password that nothing hashes to.
INSERT INTO device (id, organisation, password_sha256, revoked_at)
SELECT %(id)s, p.organisation, '', now() FROM patient p WHERE p.key = %(patient)s
ON CONFLICT (id) DO NOTHING

-- name: insert_manual_binding
-- Binds it for all time, once.
INSERT INTO binding (device, patient, period, author)
SELECT d.key, %(patient)s, tstzrange('-infinity', NULL), %(author)s
FROM device d
WHERE d.id = %(id)s AND NOT EXISTS (SELECT FROM binding b WHERE b.device = d.key)

-- name: commit_durably
-- This transaction's commit waits for the disk.
SET LOCAL synchronous_commit = on
