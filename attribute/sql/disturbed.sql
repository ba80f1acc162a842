-- From when on the decisions under each key may be others than they were: from
-- the first conversion under it that is new, has changed or is gone.
CREATE TEMP TABLE disturbed AS
SELECT high, low, min(conversion_time) AS from_time
FROM (
    SELECT user_high AS high, user_low AS low, conversion_time FROM keyed
    UNION ALL
    SELECT order_high, order_low, conversion_time FROM keyed
    UNION ALL
    SELECT user_high, user_low, conversion_time FROM replaced
    UNION ALL
    SELECT order_high, order_low, conversion_time FROM replaced
    UNION ALL
    -- and of pixels whose rules for repeats or orders have changed, all.
    SELECT user_high, user_low, conversion_time
    FROM known
    WHERE pixel_id IN (SELECT pixel_id FROM changed_pixels WHERE from_step = 9)
    UNION ALL
    SELECT order_high, order_low, conversion_time
    FROM known
    WHERE pixel_id IN (SELECT pixel_id FROM changed_pixels WHERE from_step = 9)
) AS moved
WHERE high IS NOT NULL
GROUP BY high, low;
