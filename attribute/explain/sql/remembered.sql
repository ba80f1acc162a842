-- Conversions of the pixel $2 that were attributed before the conversion $4 of
-- the time $3, have no user of their own, and counted as the user $5's by their
-- winning touch: by what the last attribution noted of them, in the files $1 (see
-- attribute/sql/known.sql). A voided one counts.
SELECT conversion_id
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE pixel_id = $2
    AND user_id IS NULL
    AND touch_user_id = $5
    AND counted
    AND (conversion_time < $3 OR (conversion_time = $3 AND conversion_id < $4));
