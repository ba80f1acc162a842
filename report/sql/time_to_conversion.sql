-- @report time_to_conversion
-- @doc How long after their touch the attributed conversions came, by type: which lookback window would keep how many. The range chooses by the conversion's time. A bucket holds the conversions whose touch is more than `over_minutes` and at most `up_to_minutes` old, the bounds of a lookback window; the cumulative share is what a window of `up_to_minutes` would have kept of those shown, where no touch of another age would have earned them. Shares are of the conversions of the same type and, with `--by`, the same ids. Buckets without a conversion are left out.
-- @dimension advertiser_id advertiser_name: the advertiser
-- @dimension line_item_id line_item_name: the line item
-- @dimension creative_id creative_name: the creative
-- @dimension publisher_id publisher_name: the publisher
-- @dimension pixel_id pixel_name: the conversion pixel
-- @column conversion_type VARCHAR: `post_click` or `post_view`
-- @column bucket VARCHAR: the bucket's upper bound in words, such as `up to 1 hour`
-- @column over_minutes BIGINT: the touch is older than this; null in the first bucket
-- @column up_to_minutes BIGINT: and at most so old
-- @column conversions BIGINT: attributed conversions
-- @column share DECIMAL(18,6): conversions / those of all buckets
-- @column cumulative_share DECIMAL(18,6): conversions of this and all shorter buckets / those of all
-- @column booked_revenue DECIMAL(38,6): static revenue in force at the conversions' times; null where it is of several currencies
-- @column currency VARCHAR: its currency; null where it is of several
-- @filter advertiser_id line_item_id creative_id publisher_id pixel_id conversion_type currency
-- @note filter: they choose conversions before they are counted.
-- @note order: rows are sorted by the ids in the order of `--by`, null first, then by type and bucket.
WITH buckets (bucket, over_minutes, up_to_minutes) AS (
    VALUES
        ('up to 1 minute', NULL, 1),
        ('up to 5 minutes', 1, 5),
        ('up to 15 minutes', 5, 15),
        ('up to 30 minutes', 15, 30),
        ('up to 1 hour', 30, 60),
        ('up to 3 hours', 60, 180),
        ('up to 6 hours', 180, 360),
        ('up to 12 hours', 360, 720),
        ('up to 1 day', 720, 1440),
        ('up to 2 days', 1440, 2880),
        ('up to 3 days', 2880, 4320),
        ('up to 7 days', 4320, 10080),
        ('up to 14 days', 10080, 20160),
        ('up to 30 days', 20160, 43200),
        ('up to 60 days', 43200, 86400),
        ('up to 90 days', 86400, 129600)
),
aged AS (
    SELECT
        CASE WHEN is_by('advertiser_id') THEN a.advertiser_id END AS advertiser_id,
        CASE WHEN is_by('line_item_id') THEN a.line_item_id END AS line_item_id,
        CASE WHEN is_by('creative_id') THEN a.creative_id END AS creative_id,
        CASE WHEN is_by('publisher_id') THEN a.publisher_id END AS publisher_id,
        CASE WHEN is_by('pixel_id') THEN a.pixel_id END AS pixel_id,
        a.conversion_type,
        a.booked_revenue,
        a.currency,
        -- a minute begun is a minute
        (epoch_us(a.conversion_time) - epoch_us(a.touch_time) + 59999999) // 60000000 AS minutes,
        CASE
            WHEN minutes <= 1 THEN 1
            WHEN minutes <= 5 THEN 5
            WHEN minutes <= 15 THEN 15
            WHEN minutes <= 30 THEN 30
            WHEN minutes <= 60 THEN 60
            WHEN minutes <= 180 THEN 180
            WHEN minutes <= 360 THEN 360
            WHEN minutes <= 720 THEN 720
            WHEN minutes <= 1440 THEN 1440
            WHEN minutes <= 2880 THEN 2880
            WHEN minutes <= 4320 THEN 4320
            WHEN minutes <= 10080 THEN 10080
            WHEN minutes <= 20160 THEN 20160
            WHEN minutes <= 43200 THEN 43200
            WHEN minutes <= 86400 THEN 86400
            ELSE 129600
        END AS up_to_minutes
    FROM attributions AS a
    LEFT JOIN report_zones AS z ON z.advertiser_id = a.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND a.conversion_time >= s.first
        AND a.conversion_time < s.until
    WHERE a.outcome = 'attributed'
        AND near_range(a.conversion_time, a.date)
        AND near_filter('advertiser_id', a.advertiser_id)
        AND passes('advertiser_id', a.advertiser_id)
        AND near_filter('line_item_id', a.line_item_id)
        AND passes('line_item_id', a.line_item_id)
        AND passes('creative_id', a.creative_id)
        AND passes('publisher_id', a.publisher_id)
        AND near_filter('pixel_id', a.pixel_id)
        AND passes('pixel_id', a.pixel_id)
        AND passes('conversion_type', a.conversion_type)
        AND passes('currency', a.currency)
),
-- By currency first: of many rows that is cheaper than the least and the
-- greatest of their texts.
counted AS (
    SELECT
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        pixel_id,
        conversion_type,
        up_to_minutes,
        currency,
        count(*) AS conversions,
        sum(booked_revenue) AS booked_revenue
    FROM aged
    GROUP BY ALL
),
merged AS (
    SELECT
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        pixel_id,
        conversion_type,
        up_to_minutes,
        CAST(sum(conversions) AS BIGINT) AS conversions,
        sum(booked_revenue) AS booked_revenue,
        min(currency) AS currency,
        max(currency) AS other_currency
    FROM counted
    GROUP BY ALL
),
shares AS (
    SELECT
        *,
        sum(conversions) OVER of_all AS all_conversions,
        sum(conversions) OVER (of_all ORDER BY up_to_minutes) AS so_far,
        MAP {
            'advertiser_id': advertiser_id,
            'line_item_id': line_item_id,
            'creative_id': creative_id,
            'publisher_id': publisher_id,
            'pixel_id': pixel_id
        } AS ids
    FROM merged
    WINDOW of_all AS (PARTITION BY advertiser_id, line_item_id, creative_id, publisher_id, pixel_id, conversion_type)
)
SELECT
    f.advertiser_id,
    a.name AS advertiser_name,
    f.line_item_id,
    l.name AS line_item_name,
    f.creative_id,
    c.name AS creative_name,
    f.publisher_id,
    b.name AS publisher_name,
    f.pixel_id,
    p.name AS pixel_name,
    f.conversion_type,
    k.bucket,
    CAST(k.over_minutes AS BIGINT) AS over_minutes,
    CAST(k.up_to_minutes AS BIGINT) AS up_to_minutes,
    f.conversions,
    quotient(f.conversions * 1000000, CAST(f.all_conversions AS BIGINT)) AS share,
    quotient(CAST(f.so_far AS BIGINT) * 1000000, CAST(f.all_conversions AS BIGINT)) AS cumulative_share,
    CASE WHEN f.currency = f.other_currency THEN CAST(f.booked_revenue AS DECIMAL(38, 6)) END AS booked_revenue,
    CASE WHEN f.currency = f.other_currency THEN f.currency END AS currency
FROM shares AS f
JOIN buckets AS k ON k.up_to_minutes = f.up_to_minutes
LEFT JOIN advertisers AS a ON a.id = f.advertiser_id
LEFT JOIN line_items AS l ON l.id = f.line_item_id
LEFT JOIN creatives AS c ON c.id = f.creative_id
LEFT JOIN publishers AS b ON b.id = f.publisher_id
LEFT JOIN pixels AS p ON p.id = f.pixel_id
ORDER BY
    f.ids[getvariable('report_by')[1]] NULLS FIRST, f.ids[getvariable('report_by')[2]] NULLS FIRST,
    f.ids[getvariable('report_by')[3]] NULLS FIRST, f.ids[getvariable('report_by')[4]] NULLS FIRST,
    f.ids[getvariable('report_by')[5]] NULLS FIRST, f.conversion_type, f.up_to_minutes;
