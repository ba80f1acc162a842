-- The conversions of the orders asked for, decided already or not. $1 is the
-- pixel, or null for any.
CREATE TEMP TABLE ordered_conversions AS
WITH decided AS (
    SELECT conversion_id, order_id, pixel_id
    FROM attributions
),
known AS (
    SELECT conversion_id, order_id, pixel_id
    FROM decided
    UNION ALL
    SELECT c.event_id, c.order_id, coalesce(c.pixel_id, p.id)
    FROM conversions AS c
    LEFT JOIN pixels AS p
        ON c.pixel_id IS NULL
        AND p.code = c.pixel_code
        AND c.member_id = getvariable('member_id')
    WHERE NOT EXISTS (SELECT 1 FROM decided AS d WHERE d.conversion_id = c.event_id)
)
SELECT k.conversion_id, k.order_id, k.pixel_id, p.advertiser_id
FROM known AS k
JOIN asked_ids AS a ON a.id = k.order_id
LEFT JOIN pixels AS p ON p.id = k.pixel_id
WHERE CAST($1 AS BIGINT) IS NULL OR k.pixel_id = CAST($1 AS BIGINT);
