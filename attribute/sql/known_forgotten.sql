-- What is known of a day's conversions, as the events tell it after an erasure:
-- user_after, text_after and token_after are the erasure's.
COPY (
    WITH renamed AS (
        SELECT * REPLACE (
            user_after(user_id) AS user_id,
            key_after(order_id) AS order_id,
            CASE WHEN is_forgotten(user_id) THEN NULL ELSE text_after(other) END AS other,
            token_after(touch_token) AS touch_token,
            user_after(touch_user_id) AS touch_user_id
        )
        FROM known_of_day
    ),
    named AS (
        SELECT
            *,
            'user ' || pixel_id || ' ' || coalesce(user_id, touch_user_id) AS user_name,
            'order ' || pixel_id || ' ' || nullif(order_id, '') AS order_name
        FROM renamed
    )
    SELECT * EXCLUDE (user_name, order_name) REPLACE (
        CASE WHEN user_high IS NOT NULL THEN key_high(user_name) END AS user_high,
        CASE WHEN user_high IS NOT NULL THEN key_low(user_name) END AS user_low,
        CASE WHEN order_high IS NOT NULL THEN key_high(order_name) END AS order_high,
        CASE WHEN order_high IS NOT NULL THEN key_low(order_name) END AS order_low
    )
    FROM named
    ORDER BY conversion_time, conversion_id
) TO $1 (FORMAT parquet, COMPRESSION zstd);
