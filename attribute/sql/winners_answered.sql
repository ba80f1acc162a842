-- What winners.sql gives, from a cluster's answers.
CREATE OR REPLACE TEMP TABLE winners AS
SELECT
    conversion_id,
    CASE
        WHEN touch_id IS NOT NULL
        THEN touch_order(is_click, touch_time, touch_id, touch_offset, tracker_id, touch_user_id)
    END AS touch
FROM answers
WHERE reached;
