-- What a cluster answers: a row for each conversion that was sought, so that one
-- that is lost on the way is missed. The touch is the winner, null where none is.
SELECT
    s.conversion_id,
    w.conversion_id IS NOT NULL AS reached,
    w.touch.is_click AS is_click,
    w.touch.touch_time AS touch_time,
    w.touch.touch_id AS touch_id,
    -w.touch.before_offset AS touch_offset,
    -w.touch.before_tracker AS tracker_id,
    w.touch.user_id AS touch_user_id
FROM sought AS s
LEFT JOIN winners AS w ON w.conversion_id = s.conversion_id;
