-- As an attribution writes them: the same rows are the same bytes as its own.
COPY (
    SELECT *
    FROM rows_after
    ORDER BY conversion_time, conversion_id
) TO $1 (FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES $2);
