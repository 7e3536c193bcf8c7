-- Claiming: a device goes from staff's shelf to a patient who proves it with a reading.

-- `state` is a fold of device_event; `kit_patient` is whom the device is reserved for.
ALTER TABLE device
    ADD COLUMN transport    text NOT NULL DEFAULT 'mqtt' CHECK (transport IN ('mqtt', 'ble')),
    ADD COLUMN serial       text,
    ADD COLUMN kit_patient  integer REFERENCES patient,
    ADD COLUMN state        text NOT NULL DEFAULT 'made'
        CHECK (state IN ('made', 'kitted', 'claim-open', 'claimed', 'proven', 'returned')),
    ADD COLUMN state_at     timestamptz NOT NULL DEFAULT now();
-- Append-only: who brought a device into which state, and for whom.
CREATE TABLE device_event (
    key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device   integer NOT NULL REFERENCES device,
    state    text NOT NULL CHECK (state IN ('made', 'kitted', 'claim-open', 'claimed', 'proven', 'returned')),
    patient  integer REFERENCES patient,
    actor    text NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX ON device_event (device, key);

-- What is registered already: bindings were all made by staff, who knew whose the device is.
INSERT INTO device_event (device, state, actor, at) SELECT key, 'made', 'migration', created_at FROM device ORDER BY key;
INSERT INTO device_event (device, state, patient, actor, at)
SELECT b.device, 'proven', b.patient, b.author, greatest(lower(b.period), b.recorded_at) FROM binding b ORDER BY b.key;
INSERT INTO device_event (device, state, patient, actor, at)
SELECT DISTINCT ON (b.device) b.device, 'returned', b.patient, 'migration', upper(b.period)
FROM binding b
WHERE NOT EXISTS (SELECT FROM binding o WHERE o.device = b.device AND upper_inf(o.period))
ORDER BY b.device, b.period DESC;
UPDATE device d SET state = e.state, state_at = e.at
FROM (SELECT DISTINCT ON (device) device, state, at FROM device_event ORDER BY device, key DESC) e WHERE e.device = d.key;

-- Only hashes: a code is shown once. A device has at most one code that still opens it.
CREATE TABLE claim_code (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device        integer NOT NULL REFERENCES device,
    sha256        bytea NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('screen', 'printed')),
    author        text NOT NULL,
    made_at       timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    withdrawn_at  timestamptz
);
CREATE UNIQUE INDEX claim_code_open_once ON claim_code (device) WHERE used_at IS NULL AND withdrawn_at IS NULL;

CREATE TABLE claim (
    key           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device        integer NOT NULL REFERENCES device,
    patient       integer NOT NULL REFERENCES patient,
    binding       integer NOT NULL UNIQUE REFERENCES binding,
    code          integer NOT NULL UNIQUE REFERENCES claim_code,
    actor         text NOT NULL,
    claimed_at    timestamptz NOT NULL,
    proven_at     timestamptz,
    reading       uuid,           -- the one that the patient confirmed
    cancelled_at  timestamptz,
    CHECK (num_nonnulls(proven_at, cancelled_at) <= 1),
    CHECK ((proven_at IS NULL) = (reading IS NULL))
);
CREATE INDEX ON claim (device, key);
CREATE UNIQUE INDEX claim_open_once ON claim (device) WHERE proven_at IS NULL AND cancelled_at IS NULL;

-- Measurements that a patient said aren't theirs, or that nobody could tell apart: whoever sends one again sends a
-- duplicate, it never reaches a chart. Value as sent.
CREATE TABLE claim_refusal (
    device          integer NOT NULL REFERENCES device,
    metric          smallint NOT NULL,
    device_time_ns  bigint NOT NULL,
    sequence        bigint NOT NULL,
    claim           integer NOT NULL REFERENCES claim,
    reading         uuid NOT NULL,
    actor           text NOT NULL,
    at              timestamptz NOT NULL,
    unit            smallint NOT NULL,
    "values"        smallint NOT NULL,
    value_1         double precision NOT NULL,
    value_2         double precision NOT NULL,
    value_3         double precision NOT NULL,
    decimals_1      smallint NOT NULL,
    decimals_2      smallint NOT NULL,
    decimals_3      smallint NOT NULL,
    absent_1        smallint NOT NULL,
    absent_2        smallint NOT NULL,
    absent_3        smallint NOT NULL,
    PRIMARY KEY (device, metric, device_time_ns, sequence)
);
CREATE INDEX ON claim_refusal (claim);

-- What gateways last noticed of a device beside its readings: a wrong password, how loud its radio is, and where.
CREATE TABLE device_contact (
    device      integer PRIMARY KEY REFERENCES device,
    refused_at  timestamptz,
    heard_at    timestamptz,
    signal_dbm  smallint,
    gateway     integer REFERENCES gateway
);

-- The newest of what waits for a device.
CREATE INDEX quarantine_waiting ON quarantine (device, key DESC) WHERE state = 'open';
