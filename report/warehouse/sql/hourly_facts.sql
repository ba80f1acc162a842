-- What happened in each UTC hour. Touches and conversions are counted as the
-- report advertiser_analytics counts them (report/sql/advertiser_analytics.sql),
-- so that sums over these rows are that report's figures: valid touches at
-- their time, attributed conversions at theirs, money in the currency of the
-- advertiser, of an unknown tracker's touch in the catalog's.
CREATE TABLE warehouse.hourly_facts AS
-- Counted by tracker before a tracker is looked up, so that what has to be kept
-- in memory is a row an hour and tracker, whatever the number of touches.
WITH touches AS (
    SELECT
        date_trunc('hour', event_time) AS hour,
        tracker_id,
        count(*) AS imps,
        0::BIGINT AS clicks,
        sum(media_cost) AS media_cost
    FROM impressions
    WHERE invalid_reason IS NULL AND consent <> 'denied'
    GROUP BY ALL
    UNION ALL
    SELECT
        date_trunc('hour', event_time),
        tracker_id,
        0::BIGINT,
        count(*),
        sum(media_cost)
    FROM clicks
    WHERE invalid_reason IS NULL AND consent <> 'denied'
    GROUP BY ALL
),
-- What a tracker stands for.
places AS (
    SELECT
        k.id AS tracker_id,
        l.advertiser_id,
        k.line_item_id,
        k.creative_id,
        k.publisher_id,
        a.currency
    FROM trackers AS k
    LEFT JOIN line_items AS l ON l.id = k.line_item_id
    LEFT JOIN advertisers AS a ON a.id = l.advertiser_id
),
facts AS (
    SELECT
        t.hour,
        k.advertiser_id,
        k.line_item_id,
        k.creative_id,
        k.publisher_id,
        t.tracker_id,
        NULL::BIGINT AS pixel_id,
        t.imps,
        t.clicks,
        coalesce(t.media_cost, 0) AS media_cost,
        0::BIGINT AS post_view_convs,
        0::BIGINT AS post_click_convs,
        0::DECIMAL(38, 6) AS booked_revenue,
        coalesce(k.currency, getvariable('catalog_currency')) AS currency
    FROM touches AS t
    LEFT JOIN places AS k ON k.tracker_id = t.tracker_id
    UNION ALL
    SELECT
        date_trunc('hour', conversion_time),
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        tracker_id,
        pixel_id,
        0::BIGINT,
        0::BIGINT,
        0::DECIMAL(38, 6),
        count(*) FILTER (WHERE conversion_type = 'post_view'),
        count(*) FILTER (WHERE conversion_type = 'post_click'),
        sum(booked_revenue),
        currency
    FROM attributions
    WHERE outcome = 'attributed'
    GROUP BY ALL
)
SELECT
    hour,
    advertiser_id,
    line_item_id,
    creative_id,
    publisher_id,
    tracker_id,
    pixel_id,
    CAST(sum(imps) AS BIGINT) AS imps,
    CAST(sum(clicks) AS BIGINT) AS clicks,
    CAST(sum(media_cost) AS DECIMAL(38, 6)) AS media_cost,
    CAST(sum(post_view_convs) AS BIGINT) AS post_view_convs,
    CAST(sum(post_click_convs) AS BIGINT) AS post_click_convs,
    CAST(sum(booked_revenue) AS DECIMAL(38, 6)) AS booked_revenue,
    currency
FROM facts
GROUP BY ALL
ORDER BY
    hour,
    advertiser_id NULLS FIRST,
    line_item_id NULLS FIRST,
    creative_id NULLS FIRST,
    publisher_id NULLS FIRST,
    tracker_id NULLS FIRST,
    pixel_id NULLS FIRST,
    currency NULLS FIRST;
