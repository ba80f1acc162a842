-- The events of a lake, all columns as they stand in its files, as DuckDB
-- writes them.
COPY (
    SELECT *
    FROM read_parquet($1, hive_partitioning = false)
) TO $2 (FORMAT parquet, COMPRESSION zstd);
