COPY sought TO $1 (FORMAT parquet, COMPRESSION zstd);
