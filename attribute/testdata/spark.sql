-- touches
SELECT
    true AS is_click,
    event_id AS touch_id,
    event_time AS touch_time,
    source_offset,
    tracker_id,
    user_id AS touch_user_id,
    coalesce(nullif(token, ''), event_id) AS token
FROM clicks
WHERE invalid_reason IS NULL AND consent <> 'denied'
UNION ALL
SELECT
    false,
    event_id,
    event_time,
    source_offset,
    tracker_id,
    user_id AS touch_user_id,
    coalesce(nullif(token, ''), event_id)
FROM impressions
WHERE invalid_reason IS NULL AND consent <> 'denied';

-- sought_by_user work/sought_by_user
SELECT DISTINCT s.user_id, a.line_item_id
FROM sought AS s
JOIN association_periods AS a
    ON a.pixel_id = s.pixel_id
    AND s.conversion_time >= a.from_time
    AND s.conversion_time < a.until_time
WHERE s.touch_token IS NULL;

-- sought_by_token work/sought_by_token
SELECT DISTINCT touch_token
FROM sought
WHERE touch_token IS NOT NULL;

-- candidates work/candidates
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

-- tied_touches
SELECT
    false AS by_token,
    t.touch_user_id AS tie,
    t.line_item_id,
    t.touch_time,
    named_struct(
    'is_click', t.is_click,
    'touch_time', t.touch_time,
    'touch_id', t.touch_id,
    'before_offset', -t.source_offset,
    'before_tracker', -t.tracker_id,
    'without_user', t.touch_user_id IS NULL,
    'user_id', t.touch_user_id
) AS touch
FROM candidates AS t
WHERE t.touch_user_id IS NOT NULL
UNION ALL
SELECT
    true,
    t.token,
    t.line_item_id,
    t.touch_time,
    named_struct(
    'is_click', t.is_click,
    'touch_time', t.touch_time,
    'touch_id', t.touch_id,
    'before_offset', -t.source_offset,
    'before_tracker', -t.tracker_id,
    'without_user', t.touch_user_id IS NULL,
    'user_id', t.touch_user_id
)
FROM candidates AS t
JOIN sought_by_token AS k ON k.touch_token = t.token;

-- winners
WITH tied_conversions AS (
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

-- 
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

