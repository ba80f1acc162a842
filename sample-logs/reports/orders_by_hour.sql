-- @report orders_by_hour
-- @doc Orders and their value by hour of the day (UTC), attributed or not.
-- @param pixel BIGINT: of this pixel alone
SELECT
    hour(conversion_time) AS hour_of_day,
    count(*) AS orders,
    count(*) FILTER (WHERE outcome = 'attributed') AS attributed,
    sum(value) AS value
FROM attributions
WHERE conversion_time >= $from
    AND conversion_time < $until
    AND order_id IS NOT NULL
    AND ($pixel IS NULL OR pixel_id = $pixel)
GROUP BY ALL
ORDER BY hour_of_day;
