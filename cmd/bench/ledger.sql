-- The ledger's entries of one closed day: $1 is the day, $2 the file of its
-- attributions, $3 that of three days before, whose differences are booked now if
-- that day is of the ledger ($4), $5 the file. A booking for each attributed
-- conversion; of one in two hundred it is taken back later, and every other time
-- booked anew; twenty credits.
COPY (
    WITH earned AS (
        SELECT *, CAST(conversion_time AS DATE) AS business_day
        FROM read_parquet($2)
        WHERE outcome = 'attributed'
    ),
    changed AS (
        SELECT *, CAST(conversion_time AS DATE) AS business_day, substr(order_id, 7)::BIGINT AS n
        FROM read_parquet($3)
        WHERE outcome = 'attributed' AND $4::BOOLEAN AND substr(order_id, 7)::BIGINT % 200 = 0
    )
    SELECT
        md5('booking' || conversion_id) AS entry_id,
        business_day,
        'booking' AS kind,
        conversion_id,
        conversion_time,
        conversion_type,
        advertiser_id,
        line_item_id,
        pixel_id,
        touch_id,
        booked_revenue AS amount,
        currency,
        NULL::VARCHAR AS reason,
        NULL::VARCHAR AS reverses,
        sha256('catalog') AS catalog_digest
    FROM earned
    UNION ALL
    SELECT
        md5('reversal' || conversion_id),
        business_day,
        'adjustment',
        conversion_id,
        conversion_time,
        conversion_type,
        advertiser_id,
        line_item_id,
        pixel_id,
        touch_id,
        -booked_revenue,
        currency,
        CASE WHEN n % 400 = 0 THEN 'changed: amount' ELSE 'not attributed: repeat' END,
        md5('booking' || conversion_id),
        sha256('catalog')
    FROM changed
    UNION ALL
    SELECT
        md5('again' || conversion_id),
        business_day,
        'adjustment',
        conversion_id,
        conversion_time,
        conversion_type,
        advertiser_id,
        line_item_id,
        pixel_id,
        touch_id,
        (booked_revenue + 1)::DECIMAL(18, 6),
        currency,
        'changed: amount',
        NULL,
        sha256('catalog')
    FROM changed
    WHERE n % 400 = 0
    UNION ALL
    SELECT
        md5('credit' || $1 || i),
        $1::DATE,
        'credit',
        NULL,
        NULL,
        NULL,
        1 + i,
        1 + 50 * i,
        NULL,
        NULL,
        -100,
        advertiser_currency(1 + i),
        'goodwill',
        NULL,
        sha256('catalog')
    FROM range(20) AS credits(i)
    ORDER BY conversion_time, conversion_id, entry_id
) TO $5 (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536);
