-- Conversions as they are to be known from now on, where that is new.
CREATE TEMP TABLE fresh AS
SELECT
    k.conversion_id,
    k.conversion_time,
    k.pixel_id,
    k.user_id,
    k.order_id,
    k.value,
    k.other,
    k.server_side,
    k.touch_token,
    k.refused,
    k.reached,
    k.is_click,
    k.touch_time,
    k.touch_id,
    k.touch_offset,
    k.tracker_id,
    k.touch_user_id,
    k.id_hash,
    k.code_hash,
    k.user_high,
    k.user_low,
    k.order_high,
    k.order_low,
    s.sequel,
    k.passed AND s.sequel IS NULL AS counted
FROM keyed AS k
LEFT JOIN sequels AS s ON s.conversion_id = k.conversion_id
UNION ALL
SELECT
    r.conversion_id,
    r.conversion_time,
    r.pixel_id,
    r.user_id,
    r.order_id,
    r.value,
    r.other,
    r.server_side,
    r.touch_token,
    r.refused,
    r.reached,
    r.is_click,
    r.touch_time,
    r.touch_id,
    r.touch_offset,
    r.tracker_id,
    r.touch_user_id,
    r.id_hash,
    r.code_hash,
    r.user_high,
    r.user_low,
    r.order_high,
    r.order_low,
    s.sequel,
    s.sequel IS NULL AS counted
FROM replayed AS r
LEFT JOIN sequels AS s ON s.conversion_id = r.conversion_id
WHERE r.sequel IS DISTINCT FROM s.sequel
ORDER BY conversion_time, conversion_id;

-- Known conversions that are no more as they were known, with the time that they
-- had: one that a new line makes an earlier one stands among those replaced.
CREATE TEMP TABLE superseded AS
SELECT r.conversion_id, r.conversion_time
FROM replayed AS r
LEFT JOIN sequels AS s ON s.conversion_id = r.conversion_id
WHERE r.sequel IS DISTINCT FROM s.sequel
UNION ALL
SELECT conversion_id, conversion_time FROM replaced
ORDER BY conversion_time;
