-- Events from number $1 to before $2 of the date $3, with something odd in every
-- column.
COPY (
    SELECT
        format('{:032x}', hash(i)) AS event_id,
        CAST($3 AS TIMESTAMPTZ) + to_microseconds(CAST(hash(i + 1) % 86400000000 AS BIGINT)) AS event_time,
        CAST($3 AS TIMESTAMPTZ) + to_hours(30) AS ingested_at,
        'edge-1' AS edge,
        'source' || i % 3 AS source_id,
        CAST(i * 400 AS BIGINT) AS source_offset,
        CASE WHEN i % 50 = 0 THEN 'POST' ELSE 'GET' END AS method,
        CAST(200 + i % 3 AS SMALLINT) AS status,
        'unknown' AS consent,
        CASE WHEN i % 10 > 0 THEN format('{:032X}', hash(i % 97)) END AS user_id,
        CASE WHEN i % 40 = 0 THEN 'bot' END AS invalid_reason,
        CASE WHEN i % 7 = 0 THEN i % 2 = 0 END AS server_side,
        CAST(CASE WHEN i % 5 = 0 THEN 9012 + i % 4 END AS BIGINT) AS pixel_id,
        CASE WHEN i % 11 = 0 THEN 'code' END AS pixel_code,
        CAST(NULL AS BIGINT) AS member_id,
        CAST(i % 13 AS BIGINT) AS tracker_id,
        CASE WHEN i % 17 = 0 THEN '' END AS token,
        CASE WHEN i % 19 = 0 THEN E'order\n"' || i || '''🙂' END AS order_id,
        CAST(CASE WHEN i % 23 = 0 THEN (i - 50) * 1.000001 END AS DECIMAL(18, 6)) AS value,
        CASE WHEN i % 23 = 0 THEN 'NaN' END AS value_text,
        NULL::VARCHAR AS other,
        NULL::VARCHAR AS sspdata,
        CAST(CASE WHEN i % 3 = 0 THEN -999999999999.999999 END AS DECIMAL(18, 6)) AS media_cost,
        CASE WHEN i % 29 = 0 THEN [1, NULL, i] WHEN i % 29 = 1 THEN CAST([] AS BIGINT[]) END AS segments_added,
        CAST(NULL AS BIGINT[]) AS segments_removed,
        CASE WHEN i % 29 = 0 THEN CAST([NULL, 5, NULL] AS BIGINT[]) END AS segment_values,
        CASE WHEN i % 31 = 0 THEN ['', 'a,b', NULL] END AS segment_codes_added,
        CAST(NULL AS VARCHAR[]) AS segment_codes_removed,
        'https://shop.example/' || i % 5 AS referer,
        'Mozilla' AS user_agent,
        '203.0.113.0' AS ip,
        'px.example' AS host,
        CASE WHEN i % 2 = 0 THEN MAP {'k' || i % 3: 'v' || i, 'empty': ''} WHEN i % 3 = 0 THEN MAP {} END AS params
    FROM range($1, $2) AS t (i)
) TO $4 (FORMAT parquet, COMPRESSION zstd);
