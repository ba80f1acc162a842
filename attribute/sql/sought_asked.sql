-- The conversions that are asked for, for which all touches count, those of one
-- stretch of time: from $1 to before $2.
CREATE OR REPLACE TEMP TABLE sought AS
SELECT *
FROM asked_in_windows
WHERE conversion_time >= $1
    AND conversion_time < $2;
