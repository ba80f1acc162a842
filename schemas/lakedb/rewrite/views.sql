-- The rows of one folder, as they stand. A file that lacks a column, because it is
-- older, has nulls in it: no_rows has all columns of the dataset and nothing else.
CREATE OR REPLACE TEMP VIEW rows_before AS
SELECT *
FROM no_rows
UNION ALL BY NAME
SELECT *
FROM read_parquet(getvariable('rewritten_files'), union_by_name = true, hive_partitioning = false);
