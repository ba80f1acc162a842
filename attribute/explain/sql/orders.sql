-- Conversions with the order id $2, the latest first, in the attributions $1.
SELECT conversion_id
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE order_id = $2
ORDER BY conversion_time DESC, conversion_id DESC
LIMIT 10;
