-- What steps 9 and 10 must know of the time before the disturbances: under
-- which keys a conversion was attributed, and when the last was.
CREATE TEMP TABLE held AS
SELECT d.high, d.low, max(k.conversion_time) AS last_time
FROM known AS k
JOIN disturbed AS d
    ON d.high = k.user_high
    AND d.low = k.user_low
    AND k.conversion_time < d.from_time
WHERE k.counted
GROUP BY d.high, d.low
UNION ALL
SELECT d.high, d.low, max(k.conversion_time)
FROM known AS k
JOIN disturbed AS d
    ON d.high = k.order_high
    AND d.low = k.order_low
    AND k.conversion_time < d.from_time
WHERE k.counted
GROUP BY d.high, d.low;
