-- Conversions with the keys under which steps 9 and 10 know them: pixel and
-- order, and pixel and user, the winning touch's where it has none. Only those
-- that have passed step 8 have any.
CREATE TEMP TABLE keyed AS
WITH named AS (
    SELECT
        *,
        refused IS NULL AND touch IS NOT NULL AS passed,
        'user ' || pixel_id || ' ' || coalesce(user_id, touch.user_id) AS user_name,
        'order ' || pixel_id || ' ' || nullif(order_id, '') AS order_name
    FROM judged
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
    reached,
    touch.is_click AS is_click,
    touch.touch_time AS touch_time,
    touch.touch_id AS touch_id,
    -touch.before_offset AS touch_offset,
    -touch.before_tracker AS tracker_id,
    touch.user_id AS touch_user_id,
    short_hash(conversion_id) AS id_hash,
    code_hash,
    CASE WHEN passed THEN key_high(user_name) END AS user_high,
    CASE WHEN passed THEN key_low(user_name) END AS user_low,
    CASE WHEN passed THEN key_high(order_name) END AS order_high,
    CASE WHEN passed THEN key_low(order_name) END AS order_low,
    passed
FROM named;
