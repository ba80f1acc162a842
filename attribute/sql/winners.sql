-- Steps 7 and 8 in one pass over the touches: for each conversion that is
-- sought and has any touch within the maximum windows, the winner among those
-- within its pixel's windows, or null where all of them are too old.
CREATE OR REPLACE TEMP TABLE winners AS
WITH tied AS (
    SELECT
        s.conversion_id,
        s.conversion_time,
        s.pixel_id,
        t.touch_time >= CASE WHEN t.is_click THEN s.click_from ELSE s.view_from END AS in_window,
        t.is_click,
        t.touch_time,
        t.touch_id,
        t.source_offset,
        t.tracker_id,
        t.user_id
    FROM touches AS t
    JOIN sought AS s
        ON s.user_id = t.user_id
        AND t.touch_time <= s.conversion_time
        AND t.touch_time >= CASE WHEN t.is_click THEN s.max_click_from ELSE s.max_view_from END
    WHERE s.touch_token IS NULL
    UNION ALL
    -- A conversion that brings a token back is tied to that touch alone.
    SELECT
        s.conversion_id,
        s.conversion_time,
        s.pixel_id,
        t.touch_time >= CASE WHEN t.is_click THEN s.click_from ELSE s.view_from END,
        t.is_click,
        t.touch_time,
        t.touch_id,
        t.source_offset,
        t.tracker_id,
        t.user_id
    FROM touches AS t
    JOIN sought AS s
        ON s.touch_token = t.token
        AND t.touch_time <= s.conversion_time
        AND t.touch_time >= CASE WHEN t.is_click THEN s.max_click_from ELSE s.max_view_from END
    WHERE s.touch_token IS NOT NULL
)
SELECT
    t.conversion_id,
    max(touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.user_id))
        FILTER (WHERE t.in_window) AS touch
FROM tied AS t
JOIN trackers AS r ON r.tracker_id = t.tracker_id
JOIN association_periods AS a
    ON a.pixel_id = t.pixel_id
    AND a.line_item_id = r.line_item_id
    AND t.conversion_time >= a.from_time
    AND t.conversion_time < a.until_time
GROUP BY t.conversion_id;
