-- An alert's id comes from the first reading of its first raise. It may be amended to lie elsewhere, so where that
-- reading was measured is kept: whoever looks for a free id at that time must find it. A gateway's alert has none.
ALTER TABLE alert ADD COLUMN origin_at timestamptz;
UPDATE alert SET origin_at = instant_of((readings -> 0 ->> 'measured_us')::bigint);
