-- name: insert_patient
-- Registers a patient; no row when the id is taken.
INSERT INTO patient (id, name, born, sex, zone)
VALUES (%(id)s, %(name)s, %(born)s, %(sex)s, %(zone)s)
ON CONFLICT (id) DO NOTHING
RETURNING key

-- name: insert_patient_identifier
-- An identifier with the system that assigned it.
INSERT INTO patient_identifier (system, value, patient) VALUES (%(system)s, %(value)s, %(patient)s)

-- name: insert_first_enrolment
-- A patient's first enrolment in a programme holds for all times.
INSERT INTO enrolment (patient, programme, author) VALUES (%(patient)s, %(programme)s, %(author)s)

-- name: insert_first_spo2_target
-- A patient's first SpO2 target holds for all times.
INSERT INTO spo2_target (patient, low, high, author) VALUES (%(patient)s, %(low)s, %(high)s, %(author)s)

-- name: insert_first_pregnancy
-- A pregnancy without a known start holds for all times.
INSERT INTO pregnancy (patient, author) VALUES (%(patient)s, %(author)s)

-- name: patient_key
-- The key of a logical id.
SELECT key FROM patient WHERE id = %(id)s
