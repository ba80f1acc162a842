-- What steps 9 and 10 must know of a day's conversions whose decisions are
-- frozen. It rests on their attributions alone, which outlive the events.
COPY (
    WITH named AS (
        SELECT
            *,
            outcome = 'attributed' OR reason = 'voided' AS passed,
            'user ' || pixel_id || ' ' || user_id AS user_name,
            'order ' || pixel_id || ' ' || nullif(order_id, '') AS order_name
        FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
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
        CAST(NULL AS VARCHAR) AS touch_token,
        'frozen' AS refused,
        false AS reached,
        CAST(NULL AS BOOLEAN) AS is_click,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS touch_time,
        CAST(NULL AS VARCHAR) AS touch_id,
        CAST(NULL AS BIGINT) AS touch_offset,
        CAST(NULL AS BIGINT) AS tracker_id,
        CAST(NULL AS VARCHAR) AS touch_user_id,
        short_hash(conversion_id) AS id_hash,
        CAST(NULL AS BIGINT) AS code_hash,
        CASE WHEN passed THEN key_high(user_name) END AS user_high,
        CASE WHEN passed THEN key_low(user_name) END AS user_low,
        CASE WHEN passed THEN key_high(order_name) END AS order_high,
        CASE WHEN passed THEN key_low(order_name) END AS order_low,
        CAST(NULL AS VARCHAR) AS sequel,
        passed AS counted
    FROM named
    ORDER BY conversion_time, conversion_id
) TO $2 (FORMAT parquet, COMPRESSION zstd);
