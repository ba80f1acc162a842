-- One page of the entries in order, so that no more than that is in memory.
SELECT
    CAST(booked AS VARCHAR),
    CAST(business_day AS VARCHAR),
    kind,
    conversion_id,
    epoch_us(conversion_time),
    conversion_type,
    advertiser_id,
    line_item_id,
    pixel_id,
    touch_id,
    CAST(CAST(amount AS DECIMAL(38, 6)) * 1000000 AS BIGINT),
    currency,
    reason,
    reverses,
    number
FROM entries
WHERE position BETWEEN $1 AND $2
ORDER BY position;
