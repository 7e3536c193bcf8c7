-- name: rule_insert
-- Keeps one version of a rule; a version that is there stays as it is.
INSERT INTO rule (id, version, programme, kind, title, metric, unit, priority, source, definition)
VALUES (%(id)s, %(version)s, %(programme)s, %(kind)s, %(title)s, %(metric)s, %(unit)s, %(priority)s, %(source)s,
        %(definition)s)
ON CONFLICT (id, version) DO NOTHING
