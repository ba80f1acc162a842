-- What is booked under each day, for DuckDB: how many entries and a hash over
-- all their columns. sql/target_days.sql computes the same in PostgreSQL.
SELECT
    strftime(booked, '%Y-%m-%d') AS day,
    count(*) AS entries,
    md5(string_agg(line, '' ORDER BY entry_id)) AS hash
FROM (
    SELECT
        booked,
        entry_id,
        md5(concat_ws(
            '|',
            md5(entry_id),
            strftime(business_day, '%Y-%m-%d'),
            md5(kind),
            coalesce(md5(replace(conversion_id, chr(0), chr(65533))), '-'),
            coalesce(CAST(epoch_us(conversion_time) AS VARCHAR), '-'),
            coalesce(md5(conversion_type), '-'),
            advertiser_id,
            line_item_id,
            coalesce(CAST(pixel_id AS VARCHAR), '-'),
            coalesce(md5(replace(touch_id, chr(0), chr(65533))), '-'),
            amount,
            md5(currency),
            coalesce(md5(replace(reason, chr(0), chr(65533))), '-'),
            coalesce(md5(reverses), '-'),
            md5(catalog_digest)
        )) AS line
    FROM warehouse.ledger
)
GROUP BY booked
ORDER BY booked;
