-- Steps 1 to 6: every conversion with the settings in force at its time, and
-- the first of these steps that fails it.
CREATE TEMP TABLE asked AS
WITH resolved AS (
    SELECT
        c.event_id AS conversion_id,
        c.event_time AS conversion_time,
        coalesce(c.pixel_id, k.pixel_id) AS pixel_id, -- an id wins over a code
        c.user_id,
        c.order_id,
        c.value,
        c.other,
        coalesce(c.server_side, false) AS server_side,
        nullif(c.sspdata, '') AS touch_token,
        c.invalid_reason,
        c.consent
    FROM conversions AS c
    LEFT JOIN pixel_codes AS k
        ON c.pixel_id IS NULL
        AND k.code = c.pixel_code
        AND k.member_id = c.member_id
),
served AS (
    SELECT DISTINCT r.conversion_id
    FROM resolved AS r
    JOIN association_periods AS a
        ON a.pixel_id = r.pixel_id
        AND r.conversion_time >= a.from_time
        AND r.conversion_time < a.until_time
)
SELECT
    r.conversion_id,
    r.conversion_time,
    r.pixel_id,
    r.user_id,
    r.order_id,
    r.value,
    r.other,
    r.server_side,
    r.touch_token,
    minutes_before(r.conversion_time, p.click_minutes) AS click_from,
    minutes_before(r.conversion_time, p.max_click_minutes) AS max_click_from,
    minutes_before(r.conversion_time, p.view_minutes) AS view_from,
    minutes_before(r.conversion_time, p.max_view_minutes) AS max_view_from,
    CASE
        WHEN r.invalid_reason IS NOT NULL THEN 'invalid_traffic'
        WHEN p.pixel_id IS NULL THEN 'unknown_pixel'
        WHEN NOT p.counts THEN 'inactive_pixel'
        WHEN s.conversion_id IS NULL THEN 'no_line_item'
        WHEN r.consent = 'denied' THEN 'no_consent'
        WHEN r.user_id IS NULL AND r.touch_token IS NULL THEN 'no_user'
    END AS refused
FROM resolved AS r
LEFT JOIN pixel_periods AS p
    ON p.pixel_id = r.pixel_id
    AND r.conversion_time >= p.from_time
    AND r.conversion_time < p.until_time
LEFT JOIN served AS s ON s.conversion_id = r.conversion_id;
