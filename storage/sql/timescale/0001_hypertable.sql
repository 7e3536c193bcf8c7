-- With TimescaleDB the chart is a hypertable instead of native partitions; still empty, so it is simply made again.
CREATE TABLE observation_plain (LIKE observation INCLUDING DEFAULTS);
DROP TABLE observation;
ALTER TABLE observation_plain RENAME TO observation;
-- Chunks about as long as the native months: a look-up by identity knows no time and asks every chunk. Two years in the
-- default weeks take it 5 times as long as in months, and clocks gone wild make 4 times as many chunks.
SELECT create_hypertable('observation', by_range('measured_at', INTERVAL '30 days'), create_default_indexes => false);
CREATE INDEX observation_by_patient ON observation (patient, metric, measured_at DESC);
CREATE INDEX observation_by_identity ON observation (device, metric, device_time_ns, sequence);
CREATE INDEX observation_by_id ON observation (id);
CREATE INDEX observation_by_xid ON observation (xid);
