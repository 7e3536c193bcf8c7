-- Queries of the FHIR interface. Parts named *_conditions, *_page_* and *_count are put together by
-- storage/chart/fhir_queries.py; a parameter that is null asks for nothing.

-- name: fhir_observation_conditions
-- What an Observation search may narrow, inside its scope: patient p, Observation o, its device d.
p.organisation = %(organisation)s
AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
AND (%(team)s::integer IS NULL
     OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
AND (%(patients)s::text[] IS NULL OR p.id = ANY (%(patients)s))
AND (%(devices)s::text[] IS NULL OR d.id = ANY (%(devices)s))
AND (%(ids)s::uuid[] IS NULL OR o.id = ANY (%(ids)s))
AND (%(statuses)s::smallint[] IS NULL OR o.status = ANY (%(statuses)s))
AND (%(measured_from)s::bigint IS NULL OR o.measured_at >= instant_of(%(measured_from)s))
AND (%(measured_until)s::bigint IS NULL OR o.measured_at < instant_of(%(measured_until)s))
AND (%(measured_lows)s::bigint[] IS NULL
     OR EXISTS (SELECT FROM unnest(%(measured_lows)s::bigint[], %(measured_highs)s::bigint[]) AS r (low, high)
                WHERE o.measured_at >= instant_of(r.low) AND o.measured_at < instant_of(r.high)))
AND (%(updated_from)s::bigint IS NULL OR o.updated_at >= instant_of(%(updated_from)s))
AND (%(updated_until)s::bigint IS NULL OR o.updated_at < instant_of(%(updated_until)s))
AND (%(updated_lows)s::bigint[] IS NULL
     OR EXISTS (SELECT FROM unnest(%(updated_lows)s::bigint[], %(updated_highs)s::bigint[]) AS r (low, high)
                WHERE o.updated_at >= instant_of(r.low) AND o.updated_at < instant_of(r.high)))

-- name: fhir_observation_columns
-- Columns in the order of vitals.fhir.observation.ObservationRow.
o.id::text, p.id, d.id, o.metric, o.unit, o.source, o.flags, us_of(o.measured_at), o.utc_offset_min,
us_of(o.received_at), o.status, o.version, us_of(o.updated_at),
o.value_1, o.decimals_1, o.absent_1, o.value_2, o.decimals_2, o.absent_2, o.value_3, o.decimals_3, o.absent_3

-- name: fhir_observation_page
-- One page: the first rows of each patient and metric by the index, then the first of those.
SELECT f.*
FROM patient p
CROSS JOIN unnest(%(metrics)s::smallint[]) AS m (number)
CROSS JOIN LATERAL (
    SELECT {columns}, p.key AS key_patient, o.id AS key_id, o.measured_at AS key_measured, o.updated_at AS key_updated
    FROM observation o
    JOIN device d ON d.key = o.device
    WHERE o.patient = p.key AND o.metric = m.number AND {conditions} AND {after}
    ORDER BY {order_inner}
    LIMIT %(limit)s
) f
ORDER BY {order_outer}
LIMIT %(limit)s

-- name: fhir_observation_count
-- How many Observations a search finds.
SELECT count(*)
FROM observation o
JOIN patient p ON p.key = o.patient
JOIN device d ON d.key = o.device
WHERE o.metric = ANY (%(metrics)s::smallint[]) AND {conditions}

-- name: fhir_observation_by_id
-- One Observation with the patient's key, for reading and its audit row; the newest version should there be two.
SELECT {columns}, p.key
FROM observation o
JOIN patient p ON p.key = o.patient
JOIN device d ON d.key = o.device
WHERE o.id = %(id)s
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
ORDER BY o.version DESC
LIMIT 1

-- name: fhir_patient_page
-- Patients in a scope by logical id, with all identifiers.
SELECT p.key, p.id, p.name, p.born, p.sex,
       coalesce((SELECT jsonb_agg(jsonb_build_array(i.system, i.value) ORDER BY i.system, i.value)
                 FROM patient_identifier i WHERE i.patient = p.key), '[]'),
       (SELECT simulated FROM installation)
FROM patient p
WHERE {conditions}
  AND (%(after)s::text IS NULL OR p.id > %(after)s)
ORDER BY p.id
LIMIT %(limit)s

-- name: fhir_patient_count
-- How many patients a search finds.
SELECT count(*) FROM patient p WHERE {conditions}

-- name: fhir_patient_conditions
-- What a Patient search may narrow, inside its scope. Each of names and identifiers must match; in one of them, any.
p.organisation = %(organisation)s
AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
AND (%(team)s::integer IS NULL
     OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))
AND (%(ids)s::text[] IS NULL OR p.id = ANY (%(ids)s))
AND NOT EXISTS (SELECT FROM jsonb_array_elements(%(names)s::jsonb) AS wanted (patterns)
                WHERE NOT EXISTS (SELECT FROM jsonb_array_elements_text(wanted.patterns) AS w (pattern)
                                  WHERE p.name ILIKE w.pattern OR p.name ILIKE '%% ' || w.pattern))
AND NOT EXISTS (SELECT FROM jsonb_array_elements(%(identifiers)s::jsonb) AS wanted (tokens)
                WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(wanted.tokens) AS w (token)
                                  JOIN patient_identifier i ON i.patient = p.key
                                  WHERE (w.token ->> 0 IS NULL OR i.system = w.token ->> 0)
                                    AND (w.token ->> 1 IS NULL OR i.value = w.token ->> 1)))
AND (%(born_lows)s::bigint[] IS NULL
     OR EXISTS (SELECT FROM unnest(%(born_lows)s::bigint[], %(born_highs)s::bigint[]) AS r (low, high)
                WHERE p.born::timestamp AT TIME ZONE 'UTC' >= instant_of(r.low)
                  AND p.born::timestamp AT TIME ZONE 'UTC' < instant_of(r.high)))

-- name: fhir_device_page
-- Devices by id; a device whose patient lies outside the scope shows none.
SELECT d.id, m.maker, m.model, m.firmware, d.revoked_at IS NULL, bound.id, (SELECT simulated FROM installation)
FROM device d
LEFT JOIN device_model m ON m.key = d.model
LEFT JOIN LATERAL ({bound}) bound ON true
WHERE {conditions}
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
ORDER BY d.id
LIMIT %(limit)s

-- name: fhir_device_count
-- How many devices a search finds.
SELECT count(*) FROM device d LEFT JOIN LATERAL ({bound}) bound ON true WHERE {conditions}

-- name: fhir_device_bound
-- The patient of the scope that device d is bound to now.
SELECT p.id
FROM binding b
JOIN patient p ON p.key = b.patient
WHERE b.device = d.key AND b.period @> now() AND b.proven
  AND p.organisation = %(organisation)s
  AND (%(only_patient)s::integer IS NULL OR p.key = %(only_patient)s)
  AND (%(team)s::integer IS NULL
       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = p.key AND r.team = %(team)s))

-- name: fhir_device_conditions
-- What a Device search may narrow. A narrower scope than the organisation sees devices that its patients ever had.
d.organisation = %(organisation)s
AND ((%(only_patient)s::integer IS NULL AND %(team)s::integer IS NULL)
     OR EXISTS (SELECT FROM binding b
                WHERE b.device = d.key
                  AND (%(only_patient)s::integer IS NULL OR b.patient = %(only_patient)s)
                  AND (%(team)s::integer IS NULL
                       OR EXISTS (SELECT FROM enrolment r WHERE r.patient = b.patient AND r.team = %(team)s))))
AND (%(ids)s::text[] IS NULL OR d.id = ANY (%(ids)s))
AND (%(patients)s::text[] IS NULL OR bound.id = ANY (%(patients)s))
