-- Conversions on which the attributions $1 from the day $2 on and the winners $3
-- of a peer disagree. The peer decides nothing on repeats, so there it must have
-- some winner.
SELECT count(*)
FROM (
    SELECT *
    FROM read_parquet($1, hive_partitioning = true, hive_types = {'date': DATE})
    WHERE date >= $2::DATE
) AS a
FULL JOIN read_parquet($3) AS w ON w.conversion_id = a.conversion_id
WHERE CASE
    WHEN a.outcome = 'attributed' THEN (a.touch_id, a.touch_time, a.tracker_id) IS DISTINCT FROM (w.touch_id, w.touch_time, w.tracker_id)
    WHEN a.reason IN ('repeat', 'duplicate_order') THEN w.conversion_id IS NULL
    ELSE w.conversion_id IS NOT NULL
END;
