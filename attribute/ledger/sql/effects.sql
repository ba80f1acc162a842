-- What the adjustments do, by currency and advertiser: how many conversions they
-- concern, what is taken back and what is booked.
SELECT
    currency,
    advertiser_id,
    count(DISTINCT conversion_id),
    CAST(coalesce(sum(CASE WHEN reverses IS NOT NULL THEN amount END), CAST(0 AS DECIMAL(18, 6))) AS VARCHAR),
    CAST(coalesce(sum(CASE WHEN reverses IS NULL THEN amount END), CAST(0 AS DECIMAL(18, 6))) AS VARCHAR)
FROM entries
WHERE kind = 'adjustment'
GROUP BY currency, advertiser_id
ORDER BY currency, advertiser_id;
