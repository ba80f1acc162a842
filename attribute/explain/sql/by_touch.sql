-- Of those conversions (see without_user.sql; files $1) the ones whose touch,
-- among the events in the files $5, has a line of the user $6.
SELECT DISTINCT a.conversion_id
FROM read_parquet($1::VARCHAR[], hive_partitioning = false) AS a
JOIN read_parquet($5::VARCHAR[], hive_partitioning = false) AS t
    ON t.event_id = a.touch_id
    AND t.event_time = a.touch_time
WHERE a.pixel_id = $2
    AND a.user_id IS NULL
    AND a.outcome = 'attributed'
    AND (a.conversion_time < $3 OR (a.conversion_time = $3 AND a.conversion_id < $4))
    AND t.user_id = $6;
