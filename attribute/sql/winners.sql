-- Steps 7 and 8: for each conversion that is sought and has any candidate within
-- the maximum windows, the winner among those within its pixel's windows, or
-- null where all of them are too old.
--
-- Under one tie (a user, or a token) and line item only the last click and the
-- last view before a conversion can win: where they are too old, so are the
-- others of their kind. They are found in one walk along the time, so that a
-- robot with thousands of touches and conversions costs no more than their number.
CREATE OR REPLACE TEMP TABLE tied_touches AS
SELECT
    false AS by_token,
    t.touch_user_id AS tie,
    t.line_item_id,
    t.touch_time,
    touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.touch_user_id) AS touch
FROM candidates AS t
WHERE t.touch_user_id IS NOT NULL
UNION ALL
-- A conversion that brings a token back is tied to that touch alone.
SELECT
    true,
    t.token,
    t.line_item_id,
    t.touch_time,
    touch_order(t.is_click, t.touch_time, t.touch_id, t.source_offset, t.tracker_id, t.touch_user_id)
FROM candidates AS t
JOIN sought_by_token AS k ON k.touch_token = t.token;

CREATE OR REPLACE TEMP TABLE winners AS
WITH tied_conversions AS (
    -- A conversion once for each line item that may have earned it.
    SELECT
        s.touch_token IS NOT NULL AS by_token,
        coalesce(s.touch_token, s.user_id) AS tie,
        a.line_item_id,
        s.conversion_time,
        s.conversion_id,
        s.click_from,
        s.max_click_from,
        s.view_from,
        s.max_view_from
    FROM sought AS s
    JOIN association_periods AS a
        ON a.pixel_id = s.pixel_id
        AND s.conversion_time >= a.from_time
        AND s.conversion_time < a.until_time
),
moments AS (
    SELECT
        c.by_token,
        c.tie,
        c.line_item_id,
        c.conversion_time AS moment,
        NULL AS touch,
        c.conversion_id,
        c.click_from,
        c.max_click_from,
        c.view_from,
        c.max_view_from
    FROM tied_conversions AS c
    JOIN (SELECT DISTINCT by_token, tie, line_item_id FROM tied_touches) AS t
        ON t.by_token = c.by_token
        AND t.tie = c.tie
        AND t.line_item_id = c.line_item_id
    UNION ALL
    SELECT
        by_token,
        tie,
        line_item_id,
        touch_time,
        touch,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM tied_touches
),
seen AS (
    SELECT
        *,
        -- Touches of the conversion's own moment are before it.
        max(CASE WHEN touch.is_click THEN touch END) OVER so_far AS last_click,
        max(CASE WHEN NOT touch.is_click THEN touch END) OVER so_far AS last_view
    FROM moments
    WINDOW so_far AS (
        PARTITION BY by_token, tie, line_item_id
        ORDER BY moment
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
SELECT
    conversion_id,
    max(
        CASE
            WHEN last_click.touch_time >= click_from THEN last_click
            WHEN last_view.touch_time >= view_from THEN last_view
        END
    ) AS touch
FROM seen
WHERE conversion_id IS NOT NULL
    AND (last_click.touch_time >= max_click_from OR last_view.touch_time >= max_view_from)
GROUP BY conversion_id;
