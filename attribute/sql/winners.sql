-- Steps 7 and 8: for each conversion that is sought and has any candidate within
-- the maximum windows, the winner among those within its pixel's windows, or
-- null where all of them are too old.
CREATE OR REPLACE TEMP TABLE winners AS
WITH tied AS (
    SELECT s.*, t.*
    FROM candidates AS t
    JOIN sought AS s ON s.user_id = t.touch_user_id
    WHERE s.touch_token IS NULL
    UNION ALL
    -- A conversion that brings a token back is tied to that touch alone.
    SELECT s.*, t.*
    FROM candidates AS t
    JOIN sought AS s ON s.touch_token = t.token
    WHERE s.touch_token IS NOT NULL
)
SELECT
    t.conversion_id,
    max(touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.touch_user_id))
        FILTER (WHERE t.touch_time >= CASE WHEN t.is_click THEN t.click_from ELSE t.view_from END) AS touch
FROM tied AS t
JOIN association_periods AS a
    ON a.pixel_id = t.pixel_id
    AND a.line_item_id = t.line_item_id
    AND t.conversion_time >= a.from_time
    AND t.conversion_time < a.until_time
WHERE t.touch_time <= t.conversion_time
    AND t.touch_time >= CASE WHEN t.is_click THEN t.max_click_from ELSE t.max_view_from END
GROUP BY t.conversion_id;
