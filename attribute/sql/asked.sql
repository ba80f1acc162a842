-- Steps 1 to 6: every conversion with the settings in force at its time, and
-- the first of these steps that fails it.
CREATE TEMP TABLE asked AS
WITH resolved AS (
    SELECT
        l.*,
        coalesce(l.pixel_id, c.pixel_id) AS asked_pixel_id, -- an id wins over a code
        CASE WHEN l.pixel_id IS NULL AND l.pixel_code IS NOT NULL THEN short_hash(l.pixel_code || ' ' || l.member_id) END AS code_hash
    FROM lines AS l
    LEFT JOIN pixel_codes AS c
        ON l.pixel_id IS NULL
        AND c.code = l.pixel_code
        AND c.member_id = l.member_id
)
SELECT
    r.event_id AS conversion_id,
    r.event_time AS conversion_time,
    r.asked_pixel_id AS pixel_id,
    r.user_id,
    r.order_id,
    r.value,
    r.other,
    r.server_side,
    nullif(r.sspdata, '') AS touch_token,
    r.code_hash,
    CASE
        WHEN r.invalid_reason IS NOT NULL THEN 'invalid_traffic'
        WHEN p.pixel_id IS NULL THEN 'unknown_pixel'
        WHEN NOT p.counts THEN 'inactive_pixel'
        WHEN NOT p.has_line_item THEN 'no_line_item'
        WHEN r.consent = 'denied' THEN 'no_consent'
        WHEN r.user_id IS NULL AND nullif(r.sspdata, '') IS NULL THEN 'no_user'
    END AS refused
FROM resolved AS r
LEFT JOIN pixel_periods AS p
    ON p.pixel_id = r.asked_pixel_id
    AND r.event_time >= p.from_time
    AND r.event_time < p.until_time;

DROP VIEW lines;

DROP TABLE told;

DROP TABLE told_again;

-- Those that touches are looked for, with how far back.
CREATE TEMP VIEW asked_in_windows AS
SELECT
    q.conversion_id,
    q.conversion_time,
    q.pixel_id,
    q.user_id,
    q.touch_token,
    minutes_before(q.conversion_time, p.click_minutes) AS click_from,
    minutes_before(q.conversion_time, p.max_click_minutes) AS max_click_from,
    minutes_before(q.conversion_time, p.view_minutes) AS view_from,
    minutes_before(q.conversion_time, p.max_view_minutes) AS max_view_from
FROM asked AS q
JOIN pixel_periods AS p
    ON p.pixel_id = q.pixel_id
    AND q.conversion_time >= p.from_time
    AND q.conversion_time < p.until_time
WHERE q.refused IS NULL;
