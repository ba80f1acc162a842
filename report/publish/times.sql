SELECT coalesce(epoch_us(min(event_time)), 0), coalesce(epoch_us(max(event_time)), 0)
FROM read_parquet($1::VARCHAR, hive_partitioning = false);
