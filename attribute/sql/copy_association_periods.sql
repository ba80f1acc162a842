COPY association_periods TO $1 (FORMAT parquet);
