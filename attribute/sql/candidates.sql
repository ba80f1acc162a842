-- The touches that may concern a conversion, in one pass over all of them.
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT t.*, r.line_item_id
FROM touches AS t
JOIN trackers AS r ON r.tracker_id = t.tracker_id
LEFT JOIN sought_by_user AS u
    ON u.user_id = t.touch_user_id
    AND u.line_item_id = r.line_item_id
LEFT JOIN sought_by_token AS k ON k.touch_token = t.token
WHERE u.user_id IS NOT NULL
    OR k.touch_token IS NOT NULL;
