-- The same where no conversion brings a token back: then most touches can be
-- passed over by their user alone, while they are read.
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT t.*, r.line_item_id
FROM touches AS t
JOIN trackers AS r ON r.tracker_id = t.tracker_id
JOIN sought_by_user AS u
    ON u.user_id = t.touch_user_id
    AND u.line_item_id = r.line_item_id
WHERE t.touch_user_id IN (SELECT user_id FROM sought WHERE touch_token IS NULL);
