-- What is booked under each day, for PostgreSQL: sql/lake_days.sql computes the
-- same of the lake.
SELECT
    to_char(booked, 'YYYY-MM-DD') AS day,
    count(*) AS entries,
    md5(string_agg(line, '' ORDER BY entry_id COLLATE "C")) AS hash
FROM (
    SELECT
        booked,
        entry_id,
        md5(concat_ws(
            '|',
            md5(entry_id),
            to_char(business_day, 'YYYY-MM-DD'),
            md5(kind),
            coalesce(md5(conversion_id), '-'),
            coalesce(CAST(CAST(extract(epoch FROM conversion_time) * 1000000 AS bigint) AS text), '-'),
            coalesce(md5(conversion_type), '-'),
            advertiser_id,
            line_item_id,
            coalesce(CAST(pixel_id AS text), '-'),
            coalesce(md5(touch_id), '-'),
            amount,
            md5(currency),
            coalesce(md5(reason), '-'),
            coalesce(md5(reverses), '-'),
            md5(catalog_digest)
        )) AS line
    FROM ledger
) AS entries
GROUP BY booked
ORDER BY booked;
