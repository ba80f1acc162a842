COPY trackers TO $1 (FORMAT parquet);
