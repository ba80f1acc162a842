-- The conversions that are asked for now, for which all touches count.
CREATE OR REPLACE TEMP TABLE sought AS
SELECT *
FROM asked_in_windows;
