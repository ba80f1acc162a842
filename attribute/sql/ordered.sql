-- What the steps up to 8 say about every conversion, numbered from 1 in the
-- order in which steps 9 to 11 decide. Times are Unix microseconds, money is
-- millionths.
CREATE TEMP TABLE ordered AS
SELECT
    row_number() OVER (ORDER BY q.conversion_time, q.conversion_id) AS position,
    q.conversion_id,
    to_micros(q.conversion_time) AS conversion_time,
    q.pixel_id,
    q.user_id,
    q.order_id,
    CAST(q.value * 1000000 AS BIGINT) AS value,
    q.other,
    q.server_side,
    CASE
        WHEN q.refused IS NOT NULL THEN q.refused
        WHEN w.conversion_id IS NULL THEN 'no_touch'
        WHEN w.touch IS NULL THEN 'expired'
    END AS reason,
    w.touch.is_click AS is_click,
    w.touch.touch_id AS touch_id,
    to_micros(w.touch.touch_time) AS touch_time,
    -w.touch.before_tracker AS tracker_id,
    w.touch.user_id AS touch_user_id,
    v.conversion_id IS NOT NULL AS voided
FROM asked AS q
LEFT JOIN winners AS w ON w.conversion_id = q.conversion_id
LEFT JOIN (SELECT DISTINCT conversion_id FROM voids) AS v ON v.conversion_id = q.conversion_id;
