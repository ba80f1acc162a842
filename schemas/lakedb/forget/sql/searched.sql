-- The rows of files, each with its file. One that lacks a column, because it is
-- older, has nulls in it: no_searched_rows has all columns of the dataset.
CREATE OR REPLACE TEMP VIEW searched_rows AS
SELECT *, CAST(NULL AS VARCHAR) AS filename
FROM no_searched_rows
UNION ALL BY NAME
SELECT *
FROM read_parquet(getvariable('searched_files'), union_by_name = true, hive_partitioning = false, filename = true);
