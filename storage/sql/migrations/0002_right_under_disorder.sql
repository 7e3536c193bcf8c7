-- Silence, corrections, outcomes, and readings that a change of binding gave to another patient.

-- What a device says of itself belongs to whoever wears it; 0 while nobody does. Ids are made like an Observation's.
ALTER TABLE device_status
    ADD COLUMN id       uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN patient  integer NOT NULL DEFAULT 0;
CREATE INDEX device_status_by_patient ON device_status (patient, measured_at) WHERE patient <> 0;

-- When silence of a patient can next change an alert, and from when on its history must be known to tell.
CREATE TABLE alert_deadline (
    patient  integer PRIMARY KEY REFERENCES patient,
    shard    smallint NOT NULL,
    due_at   timestamptz NOT NULL,
    since    timestamptz NOT NULL
);
CREATE INDEX ON alert_deadline (shard, due_at);

-- Who is alive, and the stretches in which the pipeline saw nothing: silence inside them is nobody's fault.
CREATE TABLE heartbeat (
    name     text PRIMARY KEY,
    seen_at  timestamptz NOT NULL
);
CREATE TABLE blind (
    since    timestamptz PRIMARY KEY,
    "until"  timestamptz NOT NULL CHECK (since < "until")
);
ALTER TABLE gateway ADD COLUMN seen_at timestamptz;  -- null: it never gave a sign of life

-- A gateway that is silent is one alert, not one for each patient behind it.
ALTER TABLE alert
    ALTER COLUMN patient DROP NOT NULL,
    ADD COLUMN gateway integer REFERENCES gateway,
    ADD CONSTRAINT alert_of_patient_or_gateway CHECK (num_nonnulls(patient, gateway) = 1);
CREATE UNIQUE INDEX alert_gateway_active ON alert (gateway, rule) WHERE gateway IS NOT NULL AND condition = 'active';

-- People close an alert with what it was.
ALTER TABLE alert_act
    DROP CONSTRAINT alert_act_act_check,
    ADD COLUMN outcome text CHECK (outcome IN ('real', 'artefact', 'technical', 'other')),
    ADD COLUMN note text,
    ADD CONSTRAINT alert_act_act_check CHECK (act IN ('acknowledge', 'outcome')),
    ADD CONSTRAINT alert_act_outcome_set CHECK ((act = 'outcome') = (outcome IS NOT NULL));
CREATE UNIQUE INDEX alert_closed_once ON alert_act (alert) WHERE act = 'outcome';

-- What a person marked as wrong: append-only, never undone by anything that the program does.
CREATE TABLE correction (
    key          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observation  uuid NOT NULL UNIQUE,
    patient      integer NOT NULL REFERENCES patient,
    reason       text NOT NULL CHECK (reason IN ('artefact', 'wrong-patient', 'wrong-value', 'device-fault', 'other')),
    note         text,
    actor        text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON correction (patient);

-- One row for each second Observation of one identity: its reading was given to another patient.
CREATE TABLE observation_move (
    old  uuid NOT NULL,
    new  uuid PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT now()
);

-- What a later binding may bring back; rows in error are few, and others don't pay for it.
CREATE INDEX observation_in_error ON observation (device, measured_at) WHERE status = 2;

CREATE TABLE pregnancy (
    key          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient      integer NOT NULL REFERENCES patient,
    since        timestamptz NOT NULL DEFAULT '-infinity',
    "until"      timestamptz,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON pregnancy (patient);
