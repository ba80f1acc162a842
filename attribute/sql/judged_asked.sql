-- What steps 1 to 8 say of the conversions that are asked for, those of one
-- stretch of time: from $1 to before $2.
INSERT INTO judged
SELECT
    q.conversion_id,
    q.conversion_time,
    q.pixel_id,
    q.user_id,
    q.order_id,
    q.value,
    q.other,
    q.server_side,
    q.touch_token,
    q.refused,
    w.conversion_id IS NOT NULL AS reached,
    w.touch AS touch,
    q.code_hash
FROM asked AS q
LEFT JOIN winners AS w ON w.conversion_id = q.conversion_id
WHERE q.conversion_time >= $1
    AND q.conversion_time < $2;
