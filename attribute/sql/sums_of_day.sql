-- What a day's attributions add up to.
SELECT
    coalesce(reason, '') AS reason,
    coalesce(conversion_type, '') AS conversion_type,
    coalesce(currency, '') AS currency,
    rate_missing,
    count(*) AS conversions,
    CAST(sum(booked_revenue) AS VARCHAR) AS booked_revenue,
    min(to_micros(conversion_time)) AS first_time,
    max(to_micros(conversion_time)) AS last_time
FROM read_parquet($1, hive_partitioning = false)
GROUP BY ALL;
