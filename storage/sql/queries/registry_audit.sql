-- name: insert_audit
-- One request on patient data, refused ones too.
INSERT INTO audit (organisation, actor, role, action, resource, patient, outcome)
VALUES (%(organisation)s, %(actor)s, %(role)s, %(action)s, %(resource)s, %(patient)s, %(outcome)s)
