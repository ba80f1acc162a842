-- Of those conversions (see without_user.sql; files $1) the ones whose touch,
-- among the events in the files $5, has a line of the user $6.
-- The user's touches are looked for first: of all others no more is read than whose
-- they are.
WITH own AS MATERIALIZED (
    SELECT event_id, event_time
    FROM read_parquet($5::VARCHAR[], hive_partitioning = false)
    WHERE user_id = $6
)
SELECT DISTINCT a.conversion_id
FROM read_parquet($1::VARCHAR[], hive_partitioning = false) AS a
JOIN own AS t
    ON t.event_id = a.touch_id
    AND t.event_time = a.touch_time
WHERE a.pixel_id = $2
    AND a.user_id IS NULL
    AND a.outcome = 'attributed'
    AND (a.conversion_time < $3 OR (a.conversion_time = $3 AND a.conversion_id < $4));
