-- @report advertiser_analytics
-- @doc Impressions, clicks, attributed conversions and money by advertiser, line item, creative, publisher and pixel. Impressions and clicks are valid touches (no invalid reason, consent not denied) at their own time; conversions count at theirs. A touch of an unknown tracker counts under null ids and in totals. With pixel_id in --by or --filter, imps, clicks, media_cost and what is computed from them are null: a touch has no pixel. Media cost is in the catalog's currency; a row whose conversions are in several currencies has no money figures of them. Booked revenue is of the latest attribution, not of the ledger.
-- @interval hour day month
-- @dimension advertiser_id advertiser_name: the advertiser
-- @dimension line_item_id line_item_name: the line item
-- @dimension creative_id creative_name: the creative
-- @dimension publisher_id publisher_name: the publisher
-- @dimension pixel_id pixel_name: the conversion pixel
-- @column imps BIGINT: valid impressions
-- @column clicks BIGINT: valid clicks
-- @column ctr DECIMAL(18,6): clicks / imps
-- @column post_view_convs BIGINT: conversions attributed to an impression
-- @column post_click_convs BIGINT: conversions attributed to a click
-- @column total_convs BIGINT: attributed conversions
-- @column convs_rate DECIMAL(18,6): total_convs / imps
-- @column convs_per_mm DECIMAL(18,6): 1,000,000 × total_convs / imps, rounded from the exact ratio
-- @column click_convs_rate DECIMAL(18,6): total_convs / clicks
-- @column booked_revenue DECIMAL(38,6): static revenue in force at the conversions' times; null where it is of several currencies
-- @column media_cost DECIMAL(38,6): what valid impressions and clicks cost, one without a figure as 0, in the catalog's currency
-- @column profit DECIMAL(38,6): booked_revenue − media_cost; null where they are of different currencies
-- @column ecpm DECIMAL(18,6): 1000 × booked_revenue / imps
-- @column ecpc DECIMAL(18,6): booked_revenue / clicks
-- @column ecpa DECIMAL(18,6): booked_revenue / total_convs
-- @column post_view_revenue DECIMAL(38,6): the advertiser's own figure of post-view conversions; null where it is of several currencies
-- @column post_click_revenue DECIMAL(38,6): the same of post-click conversions
-- @column currency VARCHAR: of all money figures but media_cost: that of the row's conversions, without any that of its advertiser, else the catalog's; null where it is several
-- @filter advertiser_id line_item_id creative_id publisher_id pixel_id
WITH touches AS (
    SELECT event_time, tracker_id, media_cost, 1 AS imps, 0 AS clicks
    FROM impressions
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND near_range(event_time, date)
        AND NOT getvariable('report_of_pixels')
    UNION ALL
    SELECT event_time, tracker_id, media_cost, 0, 1
    FROM clicks
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND near_range(event_time, date)
        AND NOT getvariable('report_of_pixels')
),
placed_touches AS (
    SELECT
        t.*,
        l.advertiser_id,
        k.line_item_id,
        k.creative_id,
        k.publisher_id,
        a.currency
    FROM touches AS t
    LEFT JOIN trackers AS k ON k.id = t.tracker_id
    LEFT JOIN line_items AS l ON l.id = k.line_item_id
    LEFT JOIN advertisers AS a ON a.id = l.advertiser_id
),
facts AS (
    SELECT
        event_time AS moment,
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        NULL::BIGINT AS pixel_id,
        imps,
        clicks,
        coalesce(media_cost, 0) AS media_cost,
        0 AS post_view_convs,
        0 AS post_click_convs,
        0::DECIMAL(18, 6) AS booked_revenue,
        0::DECIMAL(18, 6) AS post_view_revenue,
        0::DECIMAL(18, 6) AS post_click_revenue,
        NULL::VARCHAR AS currency,
        currency AS touch_currency
    FROM placed_touches
    UNION ALL
    SELECT
        conversion_time,
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        pixel_id,
        0,
        0,
        0,
        CASE WHEN conversion_type = 'post_view' THEN 1 ELSE 0 END,
        CASE WHEN conversion_type = 'post_click' THEN 1 ELSE 0 END,
        booked_revenue,
        CASE WHEN conversion_type = 'post_view' THEN coalesce(value, 0) ELSE 0 END,
        CASE WHEN conversion_type = 'post_click' THEN coalesce(value, 0) ELSE 0 END,
        currency,
        NULL
    FROM attributions
    WHERE outcome = 'attributed' AND near_range(conversion_time, date)
),
grouped AS (
    SELECT
        CASE WHEN is_by('hour') THEN s.zone ELSE 0 END AS zone,
        CASE WHEN is_by('hour') THEN hour_of(f.moment, s.offset_seconds, s.began) END AS hour,
        CASE WHEN is_by('day') THEN day_of(f.moment, s.offset_seconds) END AS day,
        CASE WHEN is_by('month') THEN month_of(f.moment, s.offset_seconds) END AS month,
        CASE WHEN is_by('advertiser_id') THEN f.advertiser_id END AS advertiser_id,
        CASE WHEN is_by('line_item_id') THEN f.line_item_id END AS line_item_id,
        CASE WHEN is_by('creative_id') THEN f.creative_id END AS creative_id,
        CASE WHEN is_by('publisher_id') THEN f.publisher_id END AS publisher_id,
        CASE WHEN is_by('pixel_id') THEN f.pixel_id END AS pixel_id,
        sum(f.imps) AS imps,
        sum(f.clicks) AS clicks,
        sum(f.media_cost) AS media_cost,
        sum(f.post_view_convs) AS post_view_convs,
        sum(f.post_click_convs) AS post_click_convs,
        sum(f.post_view_convs + f.post_click_convs) AS total_convs,
        sum(f.booked_revenue) AS booked_revenue,
        sum(f.post_view_revenue) AS post_view_revenue,
        sum(f.post_click_revenue) AS post_click_revenue,
        min(f.currency) AS currency,
        max(f.currency) AS other_currency,
        CASE WHEN min(f.touch_currency) = max(f.touch_currency) THEN min(f.touch_currency) END AS touch_currency
    FROM facts AS f
    LEFT JOIN report_zones AS z ON z.advertiser_id = f.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND f.moment >= s.first
        AND f.moment < s.until
    WHERE passes('advertiser_id', f.advertiser_id)
        AND passes('line_item_id', f.line_item_id)
        AND passes('creative_id', f.creative_id)
        AND passes('publisher_id', f.publisher_id)
        AND passes('pixel_id', f.pixel_id)
    GROUP BY ALL
),
-- The total is always one row, of nothing too.
totals AS (
    SELECT * FROM grouped
    UNION ALL BY NAME
    SELECT 0 AS zone, 0 AS imps, 0 AS clicks, 0 AS media_cost, 0 AS post_view_convs, 0 AS post_click_convs,
        0 AS total_convs, 0 AS booked_revenue, 0 AS post_view_revenue, 0 AS post_click_revenue
    WHERE len(getvariable('report_by')) = 0 AND NOT EXISTS (FROM grouped)
),
figures AS (
    SELECT
        * REPLACE (
            CASE WHEN NOT getvariable('report_of_pixels') THEN imps END AS imps,
            CASE WHEN NOT getvariable('report_of_pixels') THEN clicks END AS clicks,
            CASE WHEN NOT getvariable('report_of_pixels') THEN media_cost END AS media_cost,
            CASE WHEN currency IS NOT DISTINCT FROM other_currency THEN booked_revenue END AS booked_revenue,
            CASE WHEN currency IS NOT DISTINCT FROM other_currency THEN post_view_revenue END AS post_view_revenue,
            CASE WHEN currency IS NOT DISTINCT FROM other_currency THEN post_click_revenue END AS post_click_revenue,
            CASE
                WHEN currency IS NOT DISTINCT FROM other_currency
                    THEN coalesce(currency, touch_currency, getvariable('catalog_currency'))
            END AS currency
        )
    FROM totals
)
SELECT
    f.hour,
    f.day,
    f.month,
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
    CAST(f.imps AS BIGINT) AS imps,
    CAST(f.clicks AS BIGINT) AS clicks,
    quotient(f.clicks * 1000000, f.imps) AS ctr,
    CAST(f.post_view_convs AS BIGINT) AS post_view_convs,
    CAST(f.post_click_convs AS BIGINT) AS post_click_convs,
    CAST(f.total_convs AS BIGINT) AS total_convs,
    quotient(f.total_convs * 1000000, f.imps) AS convs_rate,
    quotient(f.total_convs * 1000000000000, f.imps) AS convs_per_mm,
    quotient(f.total_convs * 1000000, f.clicks) AS click_convs_rate,
    CAST(f.booked_revenue AS DECIMAL(38, 6)) AS booked_revenue,
    CAST(f.media_cost AS DECIMAL(38, 6)) AS media_cost,
    CASE
        WHEN f.currency = getvariable('catalog_currency')
            THEN CAST(f.booked_revenue - f.media_cost AS DECIMAL(38, 6))
    END AS profit,
    quotient(millionths(f.booked_revenue) * 1000, f.imps) AS ecpm,
    quotient(millionths(f.booked_revenue), f.clicks) AS ecpc,
    quotient(millionths(f.booked_revenue), f.total_convs) AS ecpa,
    CAST(f.post_view_revenue AS DECIMAL(38, 6)) AS post_view_revenue,
    CAST(f.post_click_revenue AS DECIMAL(38, 6)) AS post_click_revenue,
    f.currency,
    f.zone
FROM figures AS f
LEFT JOIN advertisers AS a ON a.id = f.advertiser_id
LEFT JOIN line_items AS l ON l.id = f.line_item_id
LEFT JOIN creatives AS c ON c.id = f.creative_id
LEFT JOIN publishers AS b ON b.id = f.publisher_id
LEFT JOIN pixels AS p ON p.id = f.pixel_id
ORDER BY f.hour NULLS FIRST, f.zone, f.day NULLS FIRST, f.month NULLS FIRST,
    f.advertiser_id NULLS FIRST, f.line_item_id NULLS FIRST, f.creative_id NULLS FIRST,
    f.publisher_id NULLS FIRST, f.pixel_id NULLS FIRST;
