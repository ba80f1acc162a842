-- The first line of the event $2 in the files $1.
SELECT event_time, edge, source_id, source_offset
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE event_id = $2
ORDER BY event_time, source_offset, source_id
LIMIT 1;
