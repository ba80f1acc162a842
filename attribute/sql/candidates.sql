-- The touches that may concern a conversion, in one pass over all of them: most
-- are passed over by their user and token alone, and the rest by line item too.
CREATE OR REPLACE TEMP TABLE candidates AS
WITH found AS (
    SELECT t.*
    FROM touches AS t
    WHERE t.touch_user_id IN (SELECT user_id FROM sought_by_user)
        OR t.token IN (SELECT touch_token FROM sought_by_token)
)
SELECT f.*, r.line_item_id
FROM found AS f
JOIN trackers AS r ON r.tracker_id = f.tracker_id
WHERE (f.touch_user_id, r.line_item_id) IN (SELECT user_id, line_item_id FROM sought_by_user)
    OR f.token IN (SELECT touch_token FROM sought_by_token);
