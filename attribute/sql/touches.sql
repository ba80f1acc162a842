-- Valid touches of known trackers, clicks and impressions read only as far back
-- as any conversion that is still asked for can reach. The bounds on date let
-- whole files go unread.
CREATE TEMP VIEW touches AS
SELECT
    true AS is_click,
    c.event_id AS touch_id,
    c.event_time AS touch_time,
    c.source_offset,
    c.tracker_id,
    t.line_item_id,
    c.user_id,
    coalesce(nullif(c.token, ''), c.event_id) AS token
FROM clicks AS c
JOIN tracker_line_items AS t ON t.tracker_id = c.tracker_id
WHERE c.invalid_reason IS NULL
    AND c.consent <> 'denied'
    AND c.event_time BETWEEN getvariable('clicks_from') AND getvariable('touches_to')
    AND c.date BETWEEN getvariable('clicks_from')::DATE AND getvariable('touches_to')::DATE
UNION ALL
SELECT
    false,
    i.event_id,
    i.event_time,
    i.source_offset,
    i.tracker_id,
    t.line_item_id,
    i.user_id,
    coalesce(nullif(i.token, ''), i.event_id)
FROM impressions AS i
JOIN tracker_line_items AS t ON t.tracker_id = i.tracker_id
WHERE i.invalid_reason IS NULL
    AND i.consent <> 'denied'
    AND i.event_time BETWEEN getvariable('views_from') AND getvariable('touches_to')
    AND i.date BETWEEN getvariable('views_from')::DATE AND getvariable('touches_to')::DATE;
