-- Step 9: the first conversion of the pixel $2 with the order id $3 that was
-- attributed before the conversion $5 of the time $4. A voided one counts.
SELECT conversion_id, conversion_time
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE pixel_id = $2
    AND order_id = $3
    AND (outcome = 'attributed' OR reason = 'voided')
    AND (conversion_time < $4 OR (conversion_time = $4 AND conversion_id < $5))
ORDER BY conversion_time, conversion_id
LIMIT 1;
