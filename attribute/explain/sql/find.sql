-- Which of the files $1 hold a line of the event $2. Of every file the column
-- of ids alone is read.
SELECT DISTINCT filename
FROM read_parquet($1::VARCHAR[], hive_partitioning = false, filename = true)
WHERE event_id = $2;
