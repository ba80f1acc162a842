-- The ledger's entries of the conversion $2, as they were booked: a reversal
-- stands before what was booked in its place.
SELECT
    entry_id,
    booked::VARCHAR AS booked,
    business_day::VARCHAR AS business_day,
    kind,
    conversion_type,
    line_item_id,
    touch_id,
    CAST(amount::DECIMAL(38, 6) * 1000000 AS BIGINT) AS amount, -- millionths
    currency,
    reason,
    reverses,
    catalog_digest
FROM read_parquet($1::VARCHAR[], hive_partitioning = true, hive_types = {'booked': DATE})
WHERE conversion_id = $2
ORDER BY booked, kind = 'booking' DESC, reverses IS NULL, entry_id;
