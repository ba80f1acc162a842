-- The same of the file that was written.
SELECT count(*), CAST(coalesce(sum(hash(r)), 0) AS VARCHAR)
FROM read_parquet($1::VARCHAR, hive_partitioning = false) AS r;
