-- One day's touches of a synthetic network, in the columns of events: $1 is the
-- day, [$2, $3) their numbers of $4 in all, $5 the file.
COPY (
SELECT
    md5('touch' || n) AS event_id,
    $1::TIMESTAMPTZ + to_microseconds((hash(n, 1) % 86400000000)::BIGINT) AS event_time,
    $1::TIMESTAMPTZ AS ingested_at,
    'edge-1' AS edge,
    'source' AS source_id,
    n * 432 AS source_offset,
    'GET' AS method,
    200::SMALLINT AS status,
    'unknown' AS consent,
    -- A few users of many make most of the traffic.
    md5('user' || floor(pow((hash(n, 2) % 1000000) / 1e6, 2) * 2000000)) AS user_id,
    CASE WHEN hash(n, 3) % 50 = 0 THEN 'bot' END AS invalid_reason,
    NULL::BOOLEAN AS server_side,
    NULL::BIGINT AS pixel_id,
    NULL::VARCHAR AS pixel_code,
    NULL::BIGINT AS member_id,
    (1 + hash(n, 4) % 2500)::BIGINT AS tracker_id,
    NULL::VARCHAR AS token,
    NULL::VARCHAR AS order_id,
    NULL::DECIMAL(18, 6) AS value,
    NULL::VARCHAR AS value_text,
    NULL::VARCHAR AS other,
    NULL::VARCHAR AS sspdata,
    0.001::DECIMAL(18, 6) AS media_cost,
    NULL::BIGINT[] AS segments_added,
    NULL::BIGINT[] AS segments_removed,
    NULL::BIGINT[] AS segment_values,
    NULL::VARCHAR[] AS segment_codes_added,
    NULL::VARCHAR[] AS segment_codes_removed,
    'https://news.example/' || hash(n, 5) % 1000 AS referer,
    'Mozilla/5.0' AS user_agent,
    '203.0.113.0' AS ip,
    'px.example' AS host,
    MAP {'cachebuster': n::VARCHAR} AS params
FROM range($2::BIGINT, least($3::BIGINT, $4::BIGINT)) AS t(n)
) TO $5 (FORMAT parquet, COMPRESSION zstd)
