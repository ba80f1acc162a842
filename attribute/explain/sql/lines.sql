-- All lines of the conversions $2 in the files $1. Of each conversion the first
-- line is the one that counts: the order is that of the view conversions.
SELECT
    event_id,
    event_time,
    pixel_id,
    pixel_code,
    member_id,
    user_id,
    order_id,
    CAST(value::DECIMAL(38, 6) * 1000000 AS BIGINT) AS value, -- millionths
    value_text,
    other,
    sspdata,
    coalesce(server_side, false) AS server_side,
    consent,
    invalid_reason,
    user_agent,
    edge,
    source_id,
    source_offset
FROM read_parquet($1::VARCHAR[], hive_partitioning = false)
WHERE event_id IN (SELECT unnest($2::VARCHAR[]))
ORDER BY
    event_id,
    event_time,
    source_offset,
    order_id NULLS FIRST,
    user_id NULLS FIRST,
    value_text NULLS FIRST,
    pixel_id NULLS FIRST,
    pixel_code NULLS FIRST,
    sspdata NULLS FIRST,
    other NULLS FIRST,
    member_id NULLS FIRST,
    invalid_reason NULLS FIRST,
    consent,
    server_side,
    referer NULLS FIRST,
    user_agent NULLS FIRST,
    ip NULLS FIRST,
    host NULLS FIRST,
    method,
    status;
