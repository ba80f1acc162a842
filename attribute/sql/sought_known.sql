-- Known conversions that a touch which came since the last run may concern. The
-- others of their touches have been looked at.
CREATE OR REPLACE TEMP TABLE sought AS
SELECT
    k.conversion_id,
    k.conversion_time,
    k.pixel_id,
    k.user_id,
    k.touch_token,
    minutes_before(k.conversion_time, p.click_minutes) AS click_from,
    minutes_before(k.conversion_time, p.max_click_minutes) AS max_click_from,
    minutes_before(k.conversion_time, p.view_minutes) AS view_from,
    minutes_before(k.conversion_time, p.max_view_minutes) AS max_view_from
FROM known_in_reach AS k
JOIN pixel_periods AS p
    ON p.pixel_id = k.pixel_id
    AND k.conversion_time >= p.from_time
    AND k.conversion_time < p.until_time
WHERE k.refused IS NULL
    AND k.conversion_id NOT IN (SELECT conversion_id FROM asked);
