-- The rows of a part: those of lines that begin in the part's stretch of their log,
-- in whatever files they stand. Their log's id is made the edge's own, and their
-- edge is the one that publishes.
CREATE OR REPLACE TEMP VIEW part_rows AS
SELECT r.* REPLACE (
    getvariable('edge') AS edge,
    getvariable('edge') || '/' || r.source_id AS source_id
)
FROM (
    SELECT *
    FROM no_rows
    UNION ALL BY NAME
    SELECT *
    FROM read_parquet(getvariable('part_files'), union_by_name = true, hive_partitioning = false)
) AS r
JOIN part_logs AS l ON l.source_id = r.source_id
    AND r.source_offset >= l.from_offset
    AND r.source_offset < l.to_offset;
