-- name: insert_account
-- Makes an account; no row when the name is taken.
INSERT INTO account (name, role, patient, password_argon2)
VALUES (%(name)s, %(role)s, %(patient)s, %(password_argon2)s)
ON CONFLICT (name) DO NOTHING
RETURNING key

-- name: insert_token
-- Stores the hash of a bearer token.
INSERT INTO token (sha256, role, patient, expires_at)
VALUES (%(sha256)s, %(role)s, %(patient)s, %(expires_at)s)

-- name: account_by_name
-- An account that may sign in, with its password's hash.
SELECT a.key, a.password_argon2, a.name, a.role, a.organisation, a.team, a.patient, p.id
FROM account a
LEFT JOIN patient p ON p.key = a.patient
WHERE a.name = %(name)s AND a.disabled_at IS NULL

-- name: actor_of_token
-- Who a bearer token acts as; tokens belong to the whole organisation.
SELECT 'token-' || t.key, t.role, t.organisation, NULL::integer, t.patient, p.id
FROM token t
LEFT JOIN patient p ON p.key = t.patient
WHERE t.sha256 = %(sha256)s AND t.expires_at > %(now)s AND t.revoked_at IS NULL

-- name: insert_session
-- Stores the hash of a session's secret.
INSERT INTO web_session (sha256, account, created_at, expires_at)
VALUES (%(sha256)s, %(account)s, %(now)s, %(expires_at)s)

-- name: delete_expired_sessions
-- Keeps the table as small as the number of people.
DELETE FROM web_session WHERE expires_at <= %(now)s

-- name: actor_of_session
-- Who a session acts as.
SELECT a.name, a.role, a.organisation, a.team, a.patient, p.id
FROM web_session s
JOIN account a ON a.key = s.account
LEFT JOIN patient p ON p.key = a.patient
WHERE s.sha256 = %(sha256)s AND s.expires_at > %(now)s AND a.disabled_at IS NULL

-- name: delete_session
-- Ends a session.
DELETE FROM web_session WHERE sha256 = %(sha256)s
