-- One day's conversions of a synthetic network, in the columns of events: $1 is
-- the day, [$2, $3) their numbers, $4 how many touches there are, $5 the file.
-- Two in three are by the user of a touch of the last weeks, on a pixel of its
-- line item; one in twenty is a server's.
COPY (
SELECT
    md5('conversion' || n) AS event_id,
    $1::TIMESTAMPTZ + to_microseconds((hash(n, 11) % 86400000000)::BIGINT) AS event_time,
    $1::TIMESTAMPTZ AS ingested_at,
    'edge-1' AS edge,
    'source' AS source_id,
    n * 432 AS source_offset,
    'GET' AS method,
    200::SMALLINT AS status,
    'unknown' AS consent,
    CASE WHEN n % 20 > 0 THEN md5('user' || floor(pow((hash(touch, 2) % 1000000) / 1e6, 2) * 2000000)) END AS user_id,
    CASE WHEN hash(n, 14) % 100 = 0 THEN 'bot' END AS invalid_reason,
    n % 20 = 0 AS server_side,
    (1 + (CASE WHEN n % 3 > 0 THEN hash(touch, 4) % 2500 // 5 ELSE hash(n, 15) % 500 END))::BIGINT AS pixel_id,
    NULL AS pixel_code,
    NULL::BIGINT AS member_id,
    NULL::BIGINT AS tracker_id,
    NULL AS token,
    'order-' || n AS order_id,
    (n % 10000 / 100)::DECIMAL(18, 6) AS value,
    (n % 10000 / 100)::VARCHAR AS value_text,
    NULL AS other,
    CASE WHEN n % 20 = 0 THEN md5('touch' || touch) END AS sspdata,
    NULL::DECIMAL(18, 6) AS media_cost,
    NULL::BIGINT[] AS segments_added,
    NULL::BIGINT[] AS segments_removed,
    NULL::BIGINT[] AS segment_values,
    NULL::VARCHAR[] AS segment_codes_added,
    NULL::VARCHAR[] AS segment_codes_removed,
    'https://shop.example/' || hash(n, 16) % 1000 AS referer,
    'Mozilla/5.0' AS user_agent,
    '203.0.113.0' AS ip,
    'px.example' AS host,
    MAP {'t': '2'} AS params
FROM (
    SELECT n, ($4::BIGINT - 1 - hash(n, 17) % ($4::BIGINT // 5))::BIGINT AS touch
    FROM range($2::BIGINT, $3::BIGINT) AS t(n)
)
) TO $5 (FORMAT parquet, COMPRESSION zstd)
