-- One page of the conversions in order, so that no more than that is in memory.
SELECT
    conversion_id,
    conversion_time,
    pixel_id,
    user_id,
    order_id,
    value,
    other,
    server_side,
    reason,
    is_click,
    touch_id,
    touch_time,
    tracker_id,
    touch_user_id,
    voided
FROM ordered
WHERE position BETWEEN $1 AND $2
ORDER BY position;
