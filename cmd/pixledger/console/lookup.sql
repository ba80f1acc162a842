-- The conversions with an order id or conversion id, the newest first: as they
-- were decided, else as they were logged. Lines are looked at as they stand, because
-- only of those found is it asked which one counts: the first.
WITH found AS (
    SELECT
        event_id,
        min(event_time) AS event_time,
        arg_min(pixel_id, event_time) AS pixel_id,
        arg_min(order_id, event_time) AS order_id
    FROM events
    WHERE type = 'conversion' AND (order_id = 'ID' OR event_id = 'ID')
    GROUP BY event_id
    ORDER BY event_time DESC, event_id DESC
    LIMIT 100
),
decided AS (
    SELECT *
    FROM attributions
    WHERE order_id = 'ID' OR conversion_id = 'ID'
)
SELECT
    f.event_id AS conversion_id,
    coalesce(d.conversion_time, f.event_time) AS conversion_time,
    coalesce(d.pixel_id, f.pixel_id) AS pixel_id,
    coalesce(d.order_id, f.order_id) AS order_id,
    d.outcome,
    d.reason,
    d.conversion_type,
    d.line_item_id,
    d.booked_revenue,
    d.currency
FROM found AS f
LEFT JOIN decided AS d ON d.conversion_id = f.event_id
ORDER BY conversion_time DESC, conversion_id DESC
