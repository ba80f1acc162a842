-- One day's conversions of a synthetic network, in the columns of events: $1 is
-- the day, [$2, $3) their numbers, $4 the number of the touch after the day's
-- last, $5 how many touches a day has, $6 the number of users, $7 the file. Two
-- in three are on a pixel of a line item that the user has a touch of in the
-- last 18 days; one in twenty is a server's that brings that touch's token back.
COPY (
    SELECT
        md5('conversion' || n) AS event_id,
        event_time,
        date_trunc('hour', event_time) + INTERVAL 1 HOUR AS ingested_at,
        'edge-1' AS edge,
        md5('source' || $1) AS source_id,
        (n - $2) * 448 + hash(n, 12) % 200 AS source_offset,
        'GET' AS method,
        200::SMALLINT AS status,
        CASE WHEN hash(n, 13) % 4 = 0 THEN 'granted' ELSE 'unknown' END AS consent,
        CASE WHEN n % 20 > 0 THEN touch_user(touch, $6) END AS user_id,
        CASE WHEN hash(n, 14) % 100 = 0 THEN 'bot' END AS invalid_reason,
        n % 20 = 0 AS server_side,
        1 + CASE WHEN n % 3 > 0 THEN (touch_line_item(touch) - 1) // 5 ELSE (hash(n, 15) % 500)::BIGINT END AS pixel_id,
        NULL::VARCHAR AS pixel_code,
        NULL::BIGINT AS member_id,
        NULL::BIGINT AS tracker_id,
        NULL::VARCHAR AS token,
        'order-' || n AS order_id,
        (hash(n, 16) % 20000 / 100)::DECIMAL(18, 6) AS value,
        (hash(n, 16) % 20000 / 100)::VARCHAR AS value_text,
        NULL::VARCHAR AS other,
        CASE WHEN n % 20 = 0 THEN md5('touch' || touch) END AS sspdata,
        NULL::DECIMAL(18, 6) AS media_cost,
        NULL::BIGINT[] AS segments_added,
        NULL::BIGINT[] AS segments_removed,
        NULL::BIGINT[] AS segment_values,
        NULL::VARCHAR[] AS segment_codes_added,
        NULL::VARCHAR[] AS segment_codes_removed,
        'https://shop.example/thanks/' || hash(n, 18) % 1000 AS referer,
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/' || 90 + hash(n, 28) % 60 || '.0 Safari/537.36' AS user_agent,
        '203.0.' || hash(n, 29) % 256 || '.0' AS ip,
        'px.example' AS host,
        MAP {'t': '2'} AS params
    FROM (
        SELECT
            n,
            conversion_touch(n, $4, $5) AS touch,
            $1::TIMESTAMPTZ + to_milliseconds((n - $2) * 86390000 // ($3 - $2) + hash(n, 11) % 10000) AS event_time
        FROM range($2::BIGINT, $3::BIGINT) AS numbers(n)
    )
) TO $7 (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880);
