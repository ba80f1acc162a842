COPY (
    SELECT
        CAST($3 AS TIMESTAMPTZ) + to_seconds(i) AS ingested_at,
        'edge-1' AS edge,
        'source' AS source_id,
        CAST(i * 400 AS BIGINT) AS source_offset,
        'malformed' AS reason,
        CAST(i AS BIGINT) AS length,
        'no line ' || i AS raw
    FROM range($1, $2) AS t (i)
) TO $4 (FORMAT parquet, COMPRESSION zstd);
