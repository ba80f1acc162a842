-- In the order of user and time, a total one: the same rows are the same bytes.
-- The row groups of one user lie together, and their bounds let a reader pass
-- over all others: with half the usual number of rows a look at one user's events
-- decodes half as many, and the files are even a little smaller. The encodings of
-- the newer version, no dictionary of more than 2,000 values and the lowest level
-- of ZSTD make the smallest files: ids in hex repeat nowhere, and what is to be won
-- of them is entropy.
COPY (
    SELECT *
    FROM rows_after
    ORDER BY user_id NULLS FIRST, event_time, source_id, source_offset
) TO $1 (
    FORMAT parquet,
    COMPRESSION zstd,
    COMPRESSION_LEVEL 1,
    PARQUET_VERSION v2,
    DICTIONARY_SIZE_LIMIT 2000,
    ROW_GROUP_SIZE 65536,
    FILE_SIZE_BYTES $2
);
