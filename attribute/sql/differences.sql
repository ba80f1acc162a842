-- Conversions whose row in one set of files is not the row in the other: $1 the
-- live attributions of a day, $2 the fresh ones. Rows compare in every column.
WITH live AS (SELECT * FROM read_parquet($1::VARCHAR[], hive_partitioning = false)),
fresh AS (SELECT * FROM read_parquet($2::VARCHAR[], hive_partitioning = false)),
different AS (
    (SELECT * FROM live EXCEPT ALL SELECT * FROM fresh)
    UNION ALL
    (SELECT * FROM fresh EXCEPT ALL SELECT * FROM live)
)
SELECT DISTINCT conversion_id
FROM different
ORDER BY conversion_id;
