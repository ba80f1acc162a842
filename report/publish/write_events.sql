-- As compaction writes a finished day, in one file: sorted by user and time.
COPY (
    SELECT *
    FROM part_rows
    ORDER BY user_id NULLS FIRST, event_time, source_id, source_offset
) TO $1 (
    FORMAT parquet,
    COMPRESSION zstd,
    COMPRESSION_LEVEL 1,
    PARQUET_VERSION v2,
    DICTIONARY_SIZE_LIMIT 2000,
    ROW_GROUP_SIZE 65536
);
