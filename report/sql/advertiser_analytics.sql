-- @report advertiser_analytics
-- @doc Impressions, clicks, attributed conversions and money by advertiser, line item, creative, publisher and pixel. Impressions and clicks are valid touches (no invalid reason, consent not denied) at their own time; conversions count at theirs. A touch of an unknown tracker counts under null ids and in totals. With pixel_id in --by or --filter, imps, clicks, media_cost and what is computed from them are null: a touch has no pixel. Money is in the row's currency: a conversion's is that of its pixel's advertiser; a touch's media cost is in that of the advertiser of its tracker's line item, of an unknown tracker in the catalog's. A row that holds money of several currencies has none of it: its money figures and its currency are null, its counts stay. Every conversion has a currency, whatever its amount; a touch without a media cost brings none. Booked revenue is of the latest attribution, not of the ledger.
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
-- @column booked_revenue DECIMAL(38,6): static revenue in force at the conversions' times
-- @column media_cost DECIMAL(38,6): what valid impressions and clicks cost, one without a figure as 0
-- @column profit DECIMAL(38,6): booked_revenue − media_cost
-- @column ecpm DECIMAL(18,6): 1000 × booked_revenue / imps
-- @column ecpc DECIMAL(18,6): booked_revenue / clicks
-- @column ecpa DECIMAL(18,6): booked_revenue / total_convs
-- @column post_view_revenue DECIMAL(38,6): the advertiser's own figure of post-view conversions
-- @column post_click_revenue DECIMAL(38,6): the same of post-click conversions
-- @column currency VARCHAR: of all money figures: that of the row's conversions and media costs; without any that of its advertisers where they have one, else the catalog's; null where money is of several
-- @filter advertiser_id advertiser_name line_item_id line_item_name creative_id creative_name publisher_id publisher_name pixel_id pixel_name currency
-- @note filter: they choose touches and conversions before they are counted; `currency` is that of their advertiser, of a touch of an unknown tracker the catalog's.
-- @note order: rows are sorted by the interval, then by the ids in the order of `--by`, null first.
WITH touches AS (
    SELECT event_time, tracker_id, media_cost, false AS is_click
    FROM impressions
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND near_range(event_time, date)
        AND NOT getvariable('report_of_pixels')
    UNION ALL
    SELECT event_time, tracker_id, media_cost, true
    FROM clicks
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND near_range(event_time, date)
        AND NOT getvariable('report_of_pixels')
),
-- What a tracker stands for, joined once and not for every touch.
places AS (
    SELECT
        k.id AS tracker_id,
        l.advertiser_id,
        k.line_item_id,
        k.creative_id,
        k.publisher_id,
        a.currency,
        z.zone
    FROM trackers AS k
    LEFT JOIN line_items AS l ON l.id = k.line_item_id
    LEFT JOIN advertisers AS a ON a.id = l.advertiser_id
    LEFT JOIN report_zones AS z ON z.advertiser_id = l.advertiser_id
),
-- Many rows are counted by their ids and currency alone: names are looked up, and
-- currencies compared, for the few that are left.
touched AS (
    SELECT
        CASE WHEN is_by('hour') THEN s.zone ELSE 0 END AS zone,
        CASE WHEN is_by('hour') THEN hour_of(t.event_time, s.offset_seconds, s.began) END AS hour,
        CASE WHEN is_by('day') THEN day_of(t.event_time, s.offset_seconds) END AS day,
        CASE WHEN is_by('month') THEN month_of(t.event_time, s.offset_seconds) END AS month,
        CASE WHEN tells('advertiser_id', 'advertiser_name') THEN k.advertiser_id END AS advertiser_id,
        CASE WHEN tells('line_item_id', 'line_item_name') THEN k.line_item_id END AS line_item_id,
        CASE WHEN tells('creative_id', 'creative_name') THEN k.creative_id END AS creative_id,
        CASE WHEN tells('publisher_id', 'publisher_name') THEN k.publisher_id END AS publisher_id,
        coalesce(k.currency, getvariable('catalog_currency')) AS owner_currency,
        t.is_click,
        count(*) AS touches,
        count(t.media_cost) AS priced,
        sum(t.media_cost) AS media_cost
    FROM touches AS t
    LEFT JOIN places AS k ON k.tracker_id = t.tracker_id
    JOIN report_spans AS s
        ON s.zone = coalesce(k.zone, 0)
        AND t.event_time >= s.first
        AND t.event_time < s.until
    WHERE passes('advertiser_id', k.advertiser_id)
        AND passes('line_item_id', k.line_item_id)
        AND passes('creative_id', k.creative_id)
        AND passes('publisher_id', k.publisher_id)
    GROUP BY ALL
),
converted AS (
    SELECT
        CASE WHEN is_by('hour') THEN s.zone ELSE 0 END AS zone,
        CASE WHEN is_by('hour') THEN hour_of(d.conversion_time, s.offset_seconds, s.began) END AS hour,
        CASE WHEN is_by('day') THEN day_of(d.conversion_time, s.offset_seconds) END AS day,
        CASE WHEN is_by('month') THEN month_of(d.conversion_time, s.offset_seconds) END AS month,
        CASE WHEN tells('advertiser_id', 'advertiser_name') THEN d.advertiser_id END AS advertiser_id,
        CASE WHEN tells('line_item_id', 'line_item_name') THEN d.line_item_id END AS line_item_id,
        CASE WHEN tells('creative_id', 'creative_name') THEN d.creative_id END AS creative_id,
        CASE WHEN tells('publisher_id', 'publisher_name') THEN d.publisher_id END AS publisher_id,
        CASE WHEN tells('pixel_id', 'pixel_name') THEN d.pixel_id END AS pixel_id,
        d.currency,
        d.conversion_type,
        count(*) AS convs,
        sum(d.booked_revenue) AS booked_revenue,
        coalesce(sum(d.value), 0) AS revenue
    FROM attributions AS d
    LEFT JOIN report_zones AS z ON z.advertiser_id = d.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND d.conversion_time >= s.first
        AND d.conversion_time < s.until
    WHERE d.outcome = 'attributed'
        AND near_range(d.conversion_time, d.date)
        AND near_filter('advertiser_id', d.advertiser_id)
        AND passes('advertiser_id', d.advertiser_id)
        AND near_filter('line_item_id', d.line_item_id)
        AND passes('line_item_id', d.line_item_id)
        AND passes('creative_id', d.creative_id)
        AND passes('publisher_id', d.publisher_id)
        AND near_filter('pixel_id', d.pixel_id)
        AND passes('pixel_id', d.pixel_id)
    GROUP BY ALL
),
-- owner_currency is what money of the touches or conversions would be in, currency
-- what the money that they have is in.
facts AS (
    SELECT
        zone,
        hour,
        day,
        month,
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        NULL::BIGINT AS pixel_id,
        CASE WHEN is_click THEN 0 ELSE touches END AS imps,
        CASE WHEN is_click THEN touches ELSE 0 END AS clicks,
        coalesce(media_cost, 0) AS media_cost,
        0 AS post_view_convs,
        0 AS post_click_convs,
        0::DECIMAL(18, 6) AS booked_revenue,
        0::DECIMAL(18, 6) AS post_view_revenue,
        0::DECIMAL(18, 6) AS post_click_revenue,
        owner_currency,
        CASE WHEN priced > 0 THEN owner_currency END AS currency
    FROM touched
    UNION ALL
    SELECT
        zone,
        hour,
        day,
        month,
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        pixel_id,
        0,
        0,
        0,
        CASE WHEN conversion_type = 'post_view' THEN convs ELSE 0 END,
        CASE WHEN conversion_type = 'post_click' THEN convs ELSE 0 END,
        booked_revenue,
        CASE WHEN conversion_type = 'post_view' THEN revenue ELSE 0 END,
        CASE WHEN conversion_type = 'post_click' THEN revenue ELSE 0 END,
        currency,
        currency
    FROM converted
),
grouped AS (
    SELECT
        f.zone,
        f.hour,
        f.day,
        f.month,
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
        CASE WHEN min(f.owner_currency) = max(f.owner_currency) THEN min(f.owner_currency) END AS owner_currency
    FROM facts AS f
    LEFT JOIN advertisers AS a ON a.id = f.advertiser_id
    LEFT JOIN line_items AS l ON l.id = f.line_item_id
    LEFT JOIN creatives AS c ON c.id = f.creative_id
    LEFT JOIN publishers AS b ON b.id = f.publisher_id
    LEFT JOIN pixels AS p ON p.id = f.pixel_id
    WHERE passes('advertiser_name', a.name)
        AND passes('line_item_name', l.name)
        AND passes('creative_name', c.name)
        AND passes('publisher_name', b.name)
        AND passes('pixel_name', p.name)
        AND passes('currency', f.owner_currency)
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
-- Money of several currencies has no sum.
money AS (
    SELECT *, currency IS NOT DISTINCT FROM other_currency AS one_currency
    FROM totals
),
figures AS (
    SELECT
        * REPLACE (
            CASE WHEN NOT getvariable('report_of_pixels') THEN imps END AS imps,
            CASE WHEN NOT getvariable('report_of_pixels') THEN clicks END AS clicks,
            CASE WHEN one_currency AND NOT getvariable('report_of_pixels') THEN media_cost END AS media_cost,
            CASE WHEN one_currency THEN booked_revenue END AS booked_revenue,
            CASE WHEN one_currency THEN post_view_revenue END AS post_view_revenue,
            CASE WHEN one_currency THEN post_click_revenue END AS post_click_revenue,
            CASE
                WHEN one_currency
                    THEN coalesce(currency, owner_currency, only_filter('currency'), getvariable('catalog_currency'))
            END AS currency
        ),
        MAP {
            'advertiser_id': advertiser_id,
            'line_item_id': line_item_id,
            'creative_id': creative_id,
            'publisher_id': publisher_id,
            'pixel_id': pixel_id
        } AS ids,
        -- Here once: a quotient says its dividend several times.
        CASE WHEN one_currency THEN millionths(booked_revenue) END AS booked_millionths
    FROM money
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
    CAST(f.booked_revenue - f.media_cost AS DECIMAL(38, 6)) AS profit,
    quotient(f.booked_millionths * 1000, f.imps) AS ecpm,
    quotient(f.booked_millionths, f.clicks) AS ecpc,
    quotient(f.booked_millionths, f.total_convs) AS ecpa,
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
    -- The columns of --by in their order; the interval among them gives null.
    f.ids[getvariable('report_by')[1]] NULLS FIRST, f.ids[getvariable('report_by')[2]] NULLS FIRST,
    f.ids[getvariable('report_by')[3]] NULLS FIRST, f.ids[getvariable('report_by')[4]] NULLS FIRST,
    f.ids[getvariable('report_by')[5]] NULLS FIRST, f.ids[getvariable('report_by')[6]] NULLS FIRST;
