-- One page of the conversions in order, so that no more than that is in memory.
SELECT conversion_id, conversion_time, user_high, user_low, order_high, order_low, min_minutes, unique_order_id, frozen
FROM turns
WHERE position BETWEEN $1 AND $2
ORDER BY position;
