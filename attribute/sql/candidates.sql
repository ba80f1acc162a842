-- The touches that may concern a conversion, in one pass over all of them.
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT t.*, r.line_item_id
FROM touches AS t
JOIN trackers AS r ON r.tracker_id = t.tracker_id
WHERE (t.touch_user_id, r.line_item_id) IN (SELECT (user_id, line_item_id) FROM sought_by_user)
    OR t.token IN (SELECT touch_token FROM sought_by_token);
