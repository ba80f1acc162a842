COPY (
    SELECT
        CAST($3 AS TIMESTAMPTZ) + to_seconds(i) AS ingested_at,
        'edge-1' AS edge,
        $1 AS source_id,
        CAST(60000 + i * 400 AS BIGINT) AS source_offset,
        'malformed' AS reason,
        CAST(i AS BIGINT) AS length,
        CASE WHEN i % 10 = 3 THEN '{"ip":"198.51.100.7","uid_got":"uid=' || $2 || '","ua":' ELSE 'no line ' || i END AS raw
    FROM range(60) AS t (i)
) TO $4 (FORMAT parquet, COMPRESSION zstd);
