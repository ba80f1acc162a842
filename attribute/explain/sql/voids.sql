-- The void of the conversion $2: voiding again changes nothing, so the first.
SELECT reason, "by", voided_at
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE conversion_id = $2
ORDER BY voided_at, "by", reason
LIMIT 1;
