-- The logs that the rejects of a part are of.
SELECT DISTINCT source_id
FROM part_rows
ORDER BY source_id;
