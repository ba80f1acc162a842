-- Some of one day's touches of a synthetic network, in the columns of events
-- and in the order of time, as merged segment files have them: $1 is the day,
-- [$2, $3) the numbers of its touches of this kind, [$4, $5) those that this
-- file holds, $6 the number of users, $7 a word that their ids are made of, $8
-- the file.
COPY (
    SELECT
        md5($7 || n) AS event_id,
        event_time,
        date_trunc('hour', event_time) + INTERVAL 1 HOUR AS ingested_at,
        'edge-' || 1 + hash(n, 21) % 2 AS edge,
        md5('source' || $1 || hash(n, 21) % 2) AS source_id,
        (n - $2) * 448 + hash(n, 22) % 200 AS source_offset,
        'GET' AS method,
        200::SMALLINT AS status,
        CASE WHEN hash(n, 23) % 4 = 0 THEN 'granted' WHEN hash(n, 23) % 100 = 1 THEN 'denied' ELSE 'unknown' END AS consent,
        CASE WHEN hash(n, 23) % 100 <> 1 THEN touch_user(n, $6) END AS user_id,
        CASE WHEN hash(n, 24) % 50 = 0 THEN 'bot' END AS invalid_reason,
        NULL::BOOLEAN AS server_side,
        NULL::BIGINT AS pixel_id,
        NULL::VARCHAR AS pixel_code,
        NULL::BIGINT AS member_id,
        touch_line_item(n) AS tracker_id,
        CASE WHEN hash(n, 25) % 20 = 0 THEN 'app-' || n END AS token,
        NULL::VARCHAR AS order_id,
        NULL::DECIMAL(18, 6) AS value,
        NULL::VARCHAR AS value_text,
        NULL::VARCHAR AS other,
        NULL::VARCHAR AS sspdata,
        (hash(n, 26) % 4000 / 1000000)::DECIMAL(18, 6) AS media_cost,
        NULL::BIGINT[] AS segments_added,
        NULL::BIGINT[] AS segments_removed,
        NULL::BIGINT[] AS segment_values,
        NULL::VARCHAR[] AS segment_codes_added,
        NULL::VARCHAR[] AS segment_codes_removed,
        'https://news-' || hash(n, 27) % 400 || '.example/' AS referer,
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/' || 90 + hash(n, 28) % 60 || '.0 Safari/537.36' AS user_agent,
        '203.0.' || hash(n, 29) % 256 || '.0' AS ip,
        'px.example' AS host,
        MAP {'cb': (hash(n, 30) % 10000000000)::VARCHAR} AS params
    FROM (
        SELECT
            n,
            $1::TIMESTAMPTZ + to_milliseconds((n - $2) * 86390000 // ($3 - $2) + hash(n, 20) % 10000) AS event_time
        FROM range($4::BIGINT, $5::BIGINT) AS numbers(n)
    )
) TO $8 (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880);
