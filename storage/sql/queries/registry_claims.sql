-- name: claim_code_found
-- The code with this hash and its device, which may be another organisation's.
SELECT c.key, c.used_at, c.withdrawn_at, c.expires_at, d.key, d.id, d.transport, m.maker, m.model, d.serial, d.state, k.id,
       (SELECT p.id FROM claim l JOIN patient p ON p.key = l.patient WHERE l.code = c.key)
FROM claim_code c
JOIN device d ON d.key = c.device
LEFT JOIN device_model m ON m.key = d.model
LEFT JOIN patient k ON k.key = d.kit_patient
WHERE c.sha256 = %(sha256)s AND d.organisation = %(organisation)s

-- name: insert_claim_code
-- A new code of a device; no row when another device has the same letters.
INSERT INTO claim_code (device, sha256, kind, author, made_at, expires_at)
VALUES (%(device)s, %(sha256)s, %(kind)s, %(author)s, %(now)s, %(expires_at)s)
ON CONFLICT (sha256) DO NOTHING
RETURNING key

-- name: use_claim_code
-- The first use; no row for everybody after it.
UPDATE claim_code SET used_at = %(now)s WHERE key = %(code)s AND used_at IS NULL RETURNING key

-- name: rotate_password
-- From now on only this password signs the device in.
UPDATE device SET password_sha256 = %(password_sha256)s, rotated_at = %(now)s, revoked_at = NULL WHERE key = %(device)s

-- name: insert_claim
-- A patient has the device and has not proven it yet.
INSERT INTO claim (device, patient, binding, code, actor, claimed_at)
VALUES (%(device)s, %(patient)s, %(binding)s, %(code)s, %(actor)s, %(now)s)

-- name: newest_claim
-- The newest claim of a device by a patient of the scope.
SELECT c.key, d.key AS device_key, d.id AS device, d.transport, m.maker, m.model, d.serial, d.state,
       d.kit_patient IS NOT NULL AS reserved, p.key AS patient_key, p.id AS patient, c.binding,
       us_of(lower(b.period)) AS since_us, us_of(c.claimed_at) AS claimed_us, us_of(c.proven_at) AS proven_us,
       us_of(c.cancelled_at) AS cancelled_us, c.reading
FROM claim c
JOIN device d ON d.key = c.device
LEFT JOIN device_model m ON m.key = d.model
JOIN patient p ON p.key = c.patient
JOIN binding b ON b.key = c.binding
WHERE d.id = %(device)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
ORDER BY c.key DESC
LIMIT 1

-- name: prove_claim
-- The patient confirmed a reading: what the device measures is the patient's.
WITH proven AS (UPDATE binding SET proven = true WHERE key = %(binding)s)
UPDATE claim SET proven_at = %(now)s, reading = %(reading)s WHERE key = %(claim)s

-- name: insert_claim_refusal
-- A measurement that is nobody's: the first word stays.
INSERT INTO claim_refusal (device, metric, device_time_ns, sequence, claim, reading, actor, at, unit, "values",
                           value_1, value_2, value_3, decimals_1, decimals_2, decimals_3, absent_1, absent_2, absent_3)
VALUES (%(device)s, %(metric)s, %(device_time_ns)s, %(sequence)s, %(claim)s, %(reading)s, %(actor)s, %(now)s, %(unit)s,
        %(values)s, %(value_1)s, %(value_2)s, %(value_3)s, %(decimals_1)s, %(decimals_2)s, %(decimals_3)s,
        %(absent_1)s, %(absent_2)s, %(absent_3)s)
ON CONFLICT DO NOTHING

-- name: claim_refused
-- Whether a reading was refused in a claim.
SELECT EXISTS (SELECT FROM claim_refusal WHERE claim = %(claim)s AND reading = %(reading)s)

-- name: claim_signs
-- What tells why nothing comes: a wrong password since the claim, readings without a sure time, the last refusal, the radio.
SELECT coalesce(t.refused_at >= c.claimed_at, false),
       EXISTS (SELECT FROM quarantine q
               WHERE q.device = d.id AND q.state = 'open' AND q.received_at >= c.claimed_at
                 AND q.reason IN ('time-uncertain', 'no-binding', 'naive-time')),
       (SELECT us_of(max(r.at)) FROM claim_refusal r WHERE r.claim = c.key),
       CASE WHEN t.heard_at > now() - interval '10 minutes' THEN t.signal_dbm END,
       t.gateway
FROM claim c
JOIN device d ON d.key = c.device
LEFT JOIN device_contact t ON t.device = d.key
WHERE c.key = %(claim)s
