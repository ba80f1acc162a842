-- Lines that repeat an id of the day's conversions, a minute after them and in
-- another edge's log, as a request that was sent twice: one in ten thousand. $1
-- is the file of the conversions, $2 the file.
COPY (
    SELECT * REPLACE (
        event_time + INTERVAL 1 MINUTE AS event_time,
        'edge-2' AS edge,
        md5(source_id) AS source_id,
        'https://shop.example/thanks/again' AS referer
    )
    FROM read_parquet($1)
    WHERE substr(order_id, 7)::BIGINT % 10000 = 1
        AND CAST(event_time + INTERVAL 1 MINUTE AS DATE) = CAST(event_time AS DATE)
    ORDER BY event_time
) TO $2 (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880);
