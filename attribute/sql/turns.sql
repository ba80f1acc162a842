-- The conversions that steps 9 and 10 must take in order, numbered from 1: those
-- that share a key with another one. All others pass.
CREATE TEMP TABLE turns AS
WITH due AS (
    SELECT conversion_id, conversion_time, pixel_id, user_high, user_low, order_high, order_low, false AS frozen
    FROM keyed
    WHERE passed
    UNION ALL
    SELECT conversion_id, conversion_time, pixel_id, user_high, user_low, order_high, order_low, refused IS NOT NULL
    FROM replayed
),
shared AS (
    SELECT high, low
    FROM (
        SELECT user_high AS high, user_low AS low FROM due
        UNION ALL
        SELECT order_high, order_low FROM due
        UNION ALL
        SELECT high, low FROM held
    ) AS k
    WHERE high IS NOT NULL
    GROUP BY high, low
    HAVING count(*) > 1
)
SELECT
    row_number() OVER (ORDER BY d.conversion_time, d.conversion_id) AS position,
    d.conversion_id,
    to_micros(d.conversion_time) AS conversion_time,
    u.high AS user_high,
    u.low AS user_low,
    o.high AS order_high,
    o.low AS order_low,
    p.min_minutes,
    coalesce(p.unique_order_id, false) AS unique_order_id,
    d.frozen
FROM due AS d
LEFT JOIN shared AS u ON u.high = d.user_high AND u.low = d.user_low
LEFT JOIN shared AS o ON o.high = d.order_high AND o.low = d.order_low
LEFT JOIN pixel_periods AS p -- a frozen conversion's pixel may be gone
    ON p.pixel_id = d.pixel_id
    AND d.conversion_time >= p.from_time
    AND d.conversion_time < p.until_time
WHERE u.high IS NOT NULL OR o.high IS NOT NULL;

-- What the two steps say, where they fail one.
CREATE TEMP TABLE sequels (
    conversion_id VARCHAR NOT NULL,
    sequel VARCHAR NOT NULL
);
