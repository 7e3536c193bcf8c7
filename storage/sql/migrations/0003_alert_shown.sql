-- An alert as people see it: its condition and their acts in one row, whose it is, and the newest 50 changes, oldest first.
CREATE VIEW alert_shown AS
SELECT a.id,
       coalesce(p.organisation, a.organisation) AS organisation,
       a.opened_at,
       a.patient AS patient_key,
       p.id AS patient,
       p.name AS patient_name,
       g.id AS gateway,
       a.rule,
       a.version,
       a.priority,
       a.title,
       a.condition,
       us_of(a.opened_at) AS opened_us,
       us_of(a.cleared_at) AS cleared_us,
       a.late,
       a.readings,
       a.clearing,
       a.limits,
       a.explanation,
       k.actor AS acknowledged_by,
       us_of(k.at) AS acknowledged_us,
       o.outcome,
       o.note AS outcome_note,
       o.actor AS closed_by,
       us_of(o.at) AS closed_us,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('at_us', us_of(c.at), 'change', c.change, 'because', c.because)
                                  ORDER BY c.key), '[]')
        FROM (SELECT * FROM alert_change h WHERE h.alert = a.id ORDER BY h.key DESC LIMIT 50) c) AS updates
FROM alert a
LEFT JOIN patient p ON p.key = a.patient
LEFT JOIN gateway g ON g.key = a.gateway
LEFT JOIN alert_act k ON k.alert = a.id AND k.act = 'acknowledge'
LEFT JOIN alert_act o ON o.alert = a.id AND o.act = 'outcome';
