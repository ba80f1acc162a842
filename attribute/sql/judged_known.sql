-- Known conversions for which a touch that came since the last run changes what
-- steps 7 and 8 say: it wins, or it is the first within the maximum windows.
INSERT INTO judged
WITH compared AS (
    SELECT
        k.*,
        CASE
            WHEN k.touch_id IS NOT NULL
            THEN touch_order(k.is_click, k.touch_time, k.touch_id, k.touch_offset, k.tracker_id, k.touch_user_id)
        END AS touch,
        w.touch AS new_touch
    FROM known_in_reach AS k
    JOIN winners AS w ON w.conversion_id = k.conversion_id
    WHERE k.refused IS NULL
        AND k.conversion_id NOT IN (SELECT conversion_id FROM asked)
)
SELECT
    conversion_id,
    conversion_time,
    pixel_id,
    user_id,
    order_id,
    value,
    other,
    server_side,
    touch_token,
    refused,
    true AS reached,
    CASE WHEN touch IS NULL OR new_touch > touch THEN new_touch ELSE touch END AS touch,
    code_hash
FROM compared
WHERE NOT reached
    OR touch IS NULL AND new_touch IS NOT NULL
    OR new_touch > touch;

-- The known conversions that these, and those asked for again, take the place of.
CREATE TEMP TABLE replaced AS
SELECT *
FROM reasked
UNION
SELECT k.conversion_id, k.conversion_time, k.user_high, k.user_low, k.order_high, k.order_low
FROM known_in_reach AS k
WHERE k.conversion_id IN (SELECT conversion_id FROM judged);
