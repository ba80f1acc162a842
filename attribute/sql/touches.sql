-- Valid touches.
CREATE TEMP VIEW touches AS
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
