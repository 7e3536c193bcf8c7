-- The whole schema of the first version. Times are UTC; integer keys are ours, text ids are what the outside knows.
-- Sentinels instead of null where COPY wants fixed width: -9223372036854775808 means "none was sent".

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Between instants and whole microseconds since 1970; the ends of a bigint are the infinities.
CREATE FUNCTION us_of(instant timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE instant WHEN '-infinity' THEN -9223372036854775808 WHEN 'infinity' THEN 9223372036854775807
           ELSE (extract(epoch FROM instant) * 1000000)::bigint END
$$;
CREATE FUNCTION instant_of(us bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE us WHEN -9223372036854775808 THEN '-infinity' WHEN 9223372036854775807 THEN 'infinity'
           ELSE timestamptz 'epoch' + us * interval '1 microsecond' END
$$;

-- One row: what this installation is.
CREATE TABLE installation (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    journal     text NOT NULL DEFAULT 'postgres' CHECK (journal IN ('postgres', 'kafka')),
    simulated   boolean NOT NULL DEFAULT false,  -- every page says so
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

-- Scope: every patient, device, account, alert and rule belongs to an organisation, enrolments to a team.
CREATE TABLE organisation (
    key   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL
);
INSERT INTO organisation (name) VALUES ('default');
CREATE TABLE team (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation  integer NOT NULL REFERENCES organisation,
    name          text NOT NULL
);
INSERT INTO team (organisation, name) VALUES (1, 'default');

CREATE TABLE patient (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE CHECK (id ~ '^[A-Za-z0-9.-]{1,64}$'),  -- FHIR logical id
    organisation  integer NOT NULL DEFAULT 1 REFERENCES organisation,
    name          text,
    born          date,
    sex           text CHECK (sex IN ('male', 'female', 'other', 'unknown')),
    zone          text NOT NULL DEFAULT 'UTC',  -- IANA name
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE patient_identifier (
    organisation  integer NOT NULL DEFAULT 1 REFERENCES organisation,
    system        text NOT NULL,
    value         text NOT NULL,
    patient       integer NOT NULL REFERENCES patient,
    PRIMARY KEY (organisation, system, value)
);
CREATE INDEX ON patient_identifier (patient);

-- Append-only, dated: what holds for a reading is chosen by its measured time.
CREATE TABLE enrolment (
    key          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient      integer NOT NULL REFERENCES patient,
    team         integer NOT NULL DEFAULT 1 REFERENCES team,
    programme    text NOT NULL,
    since        timestamptz NOT NULL DEFAULT '-infinity',
    until        timestamptz,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON enrolment (patient);
CREATE TABLE spo2_target (
    key          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient      integer NOT NULL REFERENCES patient,
    low          smallint NOT NULL,
    high         smallint NOT NULL CHECK (50 <= low AND low < high AND high <= 100),
    since        timestamptz NOT NULL DEFAULT '-infinity',
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON spo2_target (patient);

CREATE TABLE device_model (
    key       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    maker     text NOT NULL,
    model     text NOT NULL,
    firmware  text NOT NULL DEFAULT '',
    UNIQUE (maker, model, firmware)
);
CREATE TABLE device (
    key              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               text NOT NULL UNIQUE CHECK (id ~ '^[A-Za-z0-9.-]{1,64}$'),  -- MQTT user name, topic level, FHIR id
    organisation     integer NOT NULL DEFAULT 1 REFERENCES organisation,
    model            integer REFERENCES device_model,
    password_sha256  bytea NOT NULL,  -- of 160 random bits, so no slow hash is needed
    revoked_at       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    rotated_at       timestamptz NOT NULL DEFAULT now()
);
-- A device is bound to one patient at a time: the database refuses an overlap.
CREATE TABLE binding (
    key          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device       integer NOT NULL REFERENCES device,
    patient      integer NOT NULL REFERENCES patient,
    period       tstzrange NOT NULL CHECK (NOT isempty(period)),
    proven       boolean NOT NULL DEFAULT true,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT binding_periods_disjoint EXCLUDE USING gist (device WITH =, period WITH &&)
);
CREATE INDEX ON binding (patient);
CREATE TABLE device_presence (
    device            integer PRIMARY KEY REFERENCES device,
    online            boolean NOT NULL,
    changed_at        timestamptz NOT NULL
);
CREATE TABLE gateway (
    key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id   text NOT NULL UNIQUE
);

-- People and programs that sign in.
CREATE TABLE account (
    key              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation     integer NOT NULL DEFAULT 1 REFERENCES organisation,
    team             integer NOT NULL DEFAULT 1 REFERENCES team,
    name             text NOT NULL UNIQUE,
    role             text NOT NULL CHECK (role IN ('clinician', 'patient', 'administrator')),
    patient          integer REFERENCES patient,
    password_argon2  text NOT NULL,
    disabled_at      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((role = 'patient') = (patient IS NOT NULL))
);
CREATE TABLE token (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation  integer NOT NULL DEFAULT 1 REFERENCES organisation,
    sha256        bytea NOT NULL UNIQUE,
    role          text NOT NULL CHECK (role IN ('clinician', 'patient', 'administrator')),
    patient       integer REFERENCES patient,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);
CREATE TABLE web_session (
    sha256      bytea PRIMARY KEY,
    account     integer NOT NULL REFERENCES account,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
-- Every read and write of patient data; append-only.
CREATE TABLE audit (
    key           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    organisation  integer NOT NULL DEFAULT 1,
    actor         text NOT NULL,
    role          text NOT NULL,
    action        text NOT NULL,   -- read, search, write, sign-in, ...
    resource      text NOT NULL,   -- kind of thing and its id
    patient       integer,
    outcome       text NOT NULL    -- ok, refused, conflict
);
CREATE INDEX ON audit (patient, at);

-- The journal: gapless offsets per shard, taken from the head row in the appending transaction.
CREATE TABLE journal_head (
    shard        smallint PRIMARY KEY,
    next_offset  bigint NOT NULL DEFAULT 0,
    appended     bigint NOT NULL DEFAULT 0   -- readings ever, survives trimming
);
CREATE TABLE journal_record (
    shard        smallint NOT NULL,
    "offset"     bigint NOT NULL,
    appended_at  timestamptz NOT NULL DEFAULT now(),
    readings     integer NOT NULL,
    payload      bytea NOT NULL,
    PRIMARY KEY (shard, "offset")
);
ALTER TABLE journal_record ALTER COLUMN payload SET STORAGE EXTERNAL;  -- compressing it costs more than it saves
CREATE INDEX ON journal_record (appended_at);
-- Who owns a shard and how far it is applied: the truth about progress, moved in the transaction that charts.
CREATE TABLE shard (
    shard        smallint PRIMARY KEY,
    owner        uuid,
    epoch        bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    next_offset  bigint NOT NULL DEFAULT 0,   -- the first offset not yet applied
    applied      bigint NOT NULL DEFAULT 0,   -- readings, cumulative; so are the next two
    duplicates   bigint NOT NULL DEFAULT 0,
    forwarded    bigint NOT NULL DEFAULT 0
);
INSERT INTO journal_head (shard) SELECT generate_series(0, 63);
INSERT INTO shard (shard) SELECT generate_series(0, 63);

-- The chart. Values as sent; a blood pressure is one row with up to three values. Filled by COPY BINARY; one writer a
-- shard checks identities first, so no unique index is needed.
CREATE TABLE observation (
    id              uuid NOT NULL,
    patient         integer NOT NULL,
    device          integer NOT NULL,
    gateway         integer NOT NULL,
    metric          smallint NOT NULL,   -- number of the code table
    unit            smallint NOT NULL,   -- number of the unit table, as sent
    "values"        smallint NOT NULL,   -- how many of the three are used: 1 or 3
    source          smallint NOT NULL,   -- 0 device, 1 manual, 2 imported
    flags           integer NOT NULL,    -- vitals.reading.Flag
    measured_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    device_time_ns  bigint NOT NULL,     -- as sent
    sequence        bigint NOT NULL,     -- as sent
    clock_offset_us bigint NOT NULL,     -- what was added to the device's time
    utc_offset_min  smallint NOT NULL,   -- local offset at the measurement
    value_1         double precision NOT NULL,
    value_2         double precision NOT NULL,
    value_3         double precision NOT NULL,
    decimals_1      smallint NOT NULL,
    decimals_2      smallint NOT NULL,
    decimals_3      smallint NOT NULL,
    absent_1        smallint NOT NULL,   -- vitals.reading.Absent, 0 = present
    absent_2        smallint NOT NULL,
    absent_3        smallint NOT NULL,
    shard           smallint NOT NULL,   -- journal position of the raw bytes
    journal_offset  bigint NOT NULL,
    journal_row     integer NOT NULL,
    status          smallint NOT NULL DEFAULT 0,  -- 0 final, 1 amended, 2 entered-in-error
    version         smallint NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id()  -- cursor of the live feed
) PARTITION BY RANGE (measured_at);
CREATE INDEX observation_by_patient ON observation (patient, metric, measured_at DESC);
CREATE INDEX observation_by_identity ON observation (device, metric, device_time_ns, sequence);
CREATE INDEX observation_by_id ON observation (id);
CREATE INDEX observation_by_xid ON observation (xid);

-- Everything older than the project lies together: a device with a wild clock must not make hundreds of partitions.
CREATE TABLE observation_past PARTITION OF observation FOR VALUES FROM (MINVALUE) TO ('2025-01-01 00:00+00');

-- Makes the month partitions that hold these instants; does nothing where TimescaleDB makes its own chunks.
-- ATTACH, not CREATE ... PARTITION OF: that one locks out every reader, a transaction that already looked at the chart
-- and now waits for its partition included.
CREATE FUNCTION ensure_observation_partitions(instants timestamptz[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamptz;
    child text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'observation'::regclass) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('observation partitions'));
    FOR month IN SELECT DISTINCT date_trunc('month', i, 'UTC') FROM unnest(instants) AS i
                 WHERE i >= '2025-01-01 00:00+00' ORDER BY 1 LOOP
        child := 'observation_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE observation INCLUDING DEFAULTS)', child);
            EXECUTE format('ALTER TABLE observation ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           child, month, date_add(month, interval '1 month', 'UTC'));
        END IF;
    END LOOP;
END $$;

-- Battery, sensor contact: what a device says of itself. Never an Observation; needs no patient.
CREATE TABLE device_status (
    device          integer NOT NULL,
    metric          smallint NOT NULL,
    unit            smallint NOT NULL,
    flags           integer NOT NULL,
    measured_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    device_time_ns  bigint NOT NULL,
    sequence        bigint NOT NULL,
    value_1         double precision NOT NULL,
    decimals_1      smallint NOT NULL,
    absent_1        smallint NOT NULL,
    shard           smallint NOT NULL,
    journal_offset  bigint NOT NULL,
    journal_row     integer NOT NULL
);
CREATE INDEX device_status_by_identity ON device_status (device, metric, device_time_ns, sequence);
CREATE INDEX device_status_latest ON device_status (device, metric, measured_at DESC);

-- What could not be charted, with its reason and raw bytes.
CREATE TABLE quarantine (
    key             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation    integer NOT NULL DEFAULT 1,
    device          text NOT NULL,
    reason          text NOT NULL,
    message         text NOT NULL,
    received_at     timestamptz NOT NULL,
    raw             bytea NOT NULL,
    record          bytea,     -- a decoded reading as a one-row journal record, so that it can be replayed
    shard           smallint NOT NULL,
    journal_offset  bigint NOT NULL,
    journal_row     integer NOT NULL,
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed')),
    recorded_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON quarantine (device) WHERE state = 'open';
-- What was refused before acknowledgement: counted for ever, the newest with their first 4 kB.
CREATE TABLE refused_count (
    reason  text PRIMARY KEY,
    count   bigint NOT NULL
);
CREATE TABLE refused (
    key     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    device  text,
    reason  text NOT NULL,
    sample  bytea NOT NULL
);

-- Rules as loaded from the packs: what pages say of limits comes from here.
CREATE TABLE rule (
    id            text NOT NULL,
    version       integer NOT NULL,
    organisation  integer NOT NULL DEFAULT 1 REFERENCES organisation,
    programme     text NOT NULL,
    kind          text NOT NULL,
    title         text NOT NULL,
    metric        text NOT NULL,
    unit          text NOT NULL,
    priority      text NOT NULL,
    source        text NOT NULL,
    definition    jsonb NOT NULL,
    loaded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, version)
);

-- Condition: written by the processor alone. Acts: people's, append-only. The state people see is a fold of both.
CREATE TABLE alert (
    id              uuid PRIMARY KEY,
    organisation    integer NOT NULL DEFAULT 1,
    patient         integer NOT NULL REFERENCES patient,
    rule            text NOT NULL,
    version         integer NOT NULL,
    priority        text NOT NULL,
    title           text NOT NULL,
    condition       text NOT NULL CHECK (condition IN ('active', 'cleared', 'retracted')),
    opened_at       timestamptz NOT NULL,
    cleared_at      timestamptz,
    late            boolean NOT NULL,
    readings        jsonb NOT NULL,
    clearing        jsonb,
    limits          jsonb NOT NULL,
    explanation     text NOT NULL,
    merged_into     uuid,
    engine_version  text NOT NULL,
    first_said_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alert_by_patient ON alert (patient, opened_at DESC);
CREATE INDEX alert_active ON alert (patient) WHERE condition = 'active';
CREATE TABLE alert_change (
    key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert    uuid NOT NULL REFERENCES alert,
    change   text NOT NULL CHECK (change IN ('opened', 'amended', 'cleared', 'retracted', 'revived')),
    because  jsonb,
    at       timestamptz NOT NULL DEFAULT now(),
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ON alert_change (alert);
CREATE INDEX ON alert_change (xid);
CREATE TABLE alert_act (
    key    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert  uuid NOT NULL REFERENCES alert,
    act    text NOT NULL CHECK (act IN ('acknowledge')),
    actor  text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    xid    xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE UNIQUE INDEX alert_acknowledged_once ON alert_act (alert) WHERE act = 'acknowledge';
CREATE INDEX ON alert_act (xid);
