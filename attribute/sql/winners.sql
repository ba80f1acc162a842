-- Steps 7 and 8 in one pass over the touches: for each conversion that is still
-- asked for and has any touch within the maximum windows, the winner among
-- those within its pixel's windows, or null where all of them are too old.
CREATE TEMP TABLE winners AS
WITH sought AS (
    -- A conversion once for each line item that may have earned it.
    SELECT
        q.conversion_id,
        q.conversion_time,
        q.user_id,
        q.touch_token,
        q.click_from,
        q.max_click_from,
        q.view_from,
        q.max_view_from,
        a.line_item_id
    FROM asked AS q
    JOIN association_periods AS a
        ON a.pixel_id = q.pixel_id
        AND q.conversion_time >= a.from_time
        AND q.conversion_time < a.until_time
    WHERE q.refused IS NULL
),
reached AS (
    SELECT
        s.conversion_id,
        t.touch_time >= CASE WHEN t.is_click THEN s.click_from ELSE s.view_from END AS in_window,
        touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.user_id) AS touch
    FROM touches AS t
    JOIN sought AS s
        ON s.user_id = t.user_id
        AND s.line_item_id = t.line_item_id
        AND t.touch_time <= s.conversion_time
        AND t.touch_time >= CASE WHEN t.is_click THEN s.max_click_from ELSE s.max_view_from END
    WHERE s.touch_token IS NULL
    UNION ALL
    -- A conversion that brings a token back is tied to that touch alone.
    SELECT
        s.conversion_id,
        t.touch_time >= CASE WHEN t.is_click THEN s.click_from ELSE s.view_from END,
        touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.user_id)
    FROM touches AS t
    JOIN sought AS s
        ON s.touch_token = t.token
        AND s.line_item_id = t.line_item_id
        AND t.touch_time <= s.conversion_time
        AND t.touch_time >= CASE WHEN t.is_click THEN s.max_click_from ELSE s.max_view_from END
    WHERE s.touch_token IS NOT NULL
)
SELECT
    conversion_id,
    max(touch) FILTER (WHERE in_window) AS touch
FROM reached
GROUP BY conversion_id;
