-- @report attributed_conversions
-- @doc One row for each attributed conversion, in the order of their times: what goes back to the advertiser for reconciliation. The range chooses by the conversion's time. Booked revenue is of the latest attribution, not of the ledger.
-- @column month VARCHAR: month of the conversion in the report's time zone, 2026-03
-- @column day DATE: day of the conversion in the report's time zone
-- @column hour TIMESTAMP WITH TIME ZONE: start of the conversion's hour
-- @column datetime TIMESTAMP WITH TIME ZONE: time of the conversion
-- @column pixel_id BIGINT: the conversion pixel
-- @column pixel_name VARCHAR: its name
-- @column order_id VARCHAR: the advertiser's order id
-- @column external_data VARCHAR: the pixel's parameter `other`
-- @column post_click_or_post_view_conv VARCHAR: `Post Click` or `Post View`, by the touch that earned the conversion
-- @column post_click_or_post_view_revenue DECIMAL(18,6): the advertiser's own figure, the pixel's parameter `value`
-- @column line_item_id BIGINT: the line item that earned the conversion
-- @column line_item_name VARCHAR: its name
-- @column insertion_order_id BIGINT: the line item's insertion order
-- @column insertion_order_name VARCHAR: its name
-- @column creative_id BIGINT: the touch's creative
-- @column creative_name VARCHAR: its name
-- @column imp_time TIMESTAMP WITH TIME ZONE: time of the touch
-- @column advertiser_id BIGINT: the pixel's advertiser
-- @column advertiser_name VARCHAR: its name
-- @column auction_id VARCHAR: the touch's token; null where retention has erased the touch
-- @column booked_revenue DECIMAL(18,6): static revenue in force at the conversion's time
-- @column currency VARCHAR: currency of the booked revenue, the advertiser's
-- @filter *
WITH chosen AS (
    SELECT
        a.conversion_id,
        a.conversion_time,
        a.conversion_type,
        a.pixel_id,
        a.advertiser_id,
        a.user_id,
        a.order_id,
        a.value,
        a.other,
        a.touch_id,
        a.touch_time,
        a.tracker_id,
        a.line_item_id,
        a.creative_id,
        a.booked_revenue,
        a.currency,
        s.zone,
        CASE a.conversion_type WHEN 'post_click' THEN 'Post Click' ELSE 'Post View' END AS conv,
        month_of(a.conversion_time, s.offset_seconds) AS month,
        day_of(a.conversion_time, s.offset_seconds) AS day,
        hour_of(a.conversion_time, s.offset_seconds, s.began) AS hour
    FROM attributions AS a
    LEFT JOIN report_zones AS z ON z.advertiser_id = a.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND a.conversion_time >= s.first
        AND a.conversion_time < s.until
    WHERE a.outcome = 'attributed'
        AND near_range(a.conversion_time, a.date)
        AND passes('month', month)
        AND passes('day', day)
        AND passes('hour', epoch_us(hour))
        AND passes('datetime', epoch_us(a.conversion_time))
        AND near_filter('pixel_id', a.pixel_id)
        AND passes('pixel_id', a.pixel_id)
        AND passes('order_id', a.order_id)
        AND passes('external_data', a.other)
        AND passes('post_click_or_post_view_conv', conv)
        AND passes('post_click_or_post_view_revenue', a.value)
        AND near_filter('line_item_id', a.line_item_id)
        AND passes('line_item_id', a.line_item_id)
        AND passes('creative_id', a.creative_id)
        AND passes('imp_time', epoch_us(a.touch_time))
        AND near_filter('advertiser_id', a.advertiser_id)
        AND passes('advertiser_id', a.advertiser_id)
        AND passes('booked_revenue', a.booked_revenue)
        AND passes('currency', a.currency)
),
-- No touch is older than the longest window, 90 days. Denied and invalid
-- touches never earn a conversion, so one with the same id is another. Clicks and
-- impressions are joined each on their own: only then does what is looked for
-- choose the files and row groups that are read.
clicked AS NOT MATERIALIZED (
    SELECT event_id, event_time, tracker_id, user_id, source_offset, coalesce(nullif(token, ''), event_id) AS token
    FROM clicks
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND date >= CAST(getvariable('report_first') AS DATE) - 91
        AND date <= CAST(getvariable('report_until') AS DATE)
),
seen AS NOT MATERIALIZED (
    SELECT event_id, event_time, tracker_id, user_id, source_offset, coalesce(nullif(token, ''), event_id) AS token
    FROM impressions
    WHERE invalid_reason IS NULL
        AND consent <> 'denied'
        AND date >= CAST(getvariable('report_first') AS DATE) - 91
        AND date <= CAST(getvariable('report_until') AS DATE)
),
found AS MATERIALIZED (
    SELECT conversion_id, conversion_time, min(token) AS token, max(token) AS other_token
    FROM (
        SELECT c.conversion_id, c.conversion_time, t.token
        FROM chosen AS c
        JOIN clicked AS t
            ON t.event_id = c.touch_id
            AND t.event_time = c.touch_time
            AND t.tracker_id = c.tracker_id
        WHERE c.conversion_type = 'post_click'
        UNION ALL
        SELECT c.conversion_id, c.conversion_time, t.token
        FROM chosen AS c
        JOIN seen AS t
            ON t.event_id = c.touch_id
            AND t.event_time = c.touch_time
            AND t.tracker_id = c.tracker_id
        WHERE c.conversion_type = 'post_view'
    )
    GROUP BY conversion_id, conversion_time
),
-- Touches with one id at one time that differ in their token: rare, so that
-- what tells them apart, and what these conversions brought with them, is read for
-- them alone.
contested AS (
    SELECT conversion_id, conversion_time
    FROM found
    WHERE token <> other_token
),
disputes AS MATERIALIZED (
    SELECT c.conversion_id, c.conversion_type, c.user_id, c.touch_id, c.touch_time, c.tracker_id
    FROM contested AS x
    JOIN chosen AS c
        ON c.conversion_id = x.conversion_id
        AND c.conversion_time = x.conversion_time
),
matched AS (
    SELECT c.conversion_id, c.user_id, t.user_id AS touch_user_id, t.source_offset, t.token
    FROM disputes AS c
    JOIN clicked AS t
        ON t.event_id = c.touch_id
        AND t.event_time = c.touch_time
        AND t.tracker_id = c.tracker_id
    WHERE c.conversion_type = 'post_click'
    UNION ALL
    SELECT c.conversion_id, c.user_id, t.user_id, t.source_offset, t.token
    FROM disputes AS c
    JOIN seen AS t
        ON t.event_id = c.touch_id
        AND t.event_time = c.touch_time
        AND t.tracker_id = c.tracker_id
    WHERE c.conversion_type = 'post_view'
),
-- The line that counts of one conversion's, as the view conversions has it: a
-- conversion's time is the first of its lines', so no earlier one is missed.
brought AS (
    SELECT v.event_id AS conversion_id, nullif(v.sspdata, '') AS sspdata
    FROM events AS v
    JOIN contested AS c ON c.conversion_id = v.event_id AND c.conversion_time = v.event_time
    WHERE v.type = 'conversion' AND near_range(v.event_time, v.date)
    QUALIFY row_number() OVER (
        PARTITION BY v.event_id
        ORDER BY
            v.source_offset,
            v.order_id NULLS FIRST,
            v.user_id NULLS FIRST,
            v.value_text NULLS FIRST,
            v.pixel_id NULLS FIRST,
            v.pixel_code NULLS FIRST,
            v.sspdata NULLS FIRST
    ) = 1
),
-- The touch that decided: the one with the token that was brought, else one of
-- the same user; of lines that repeat it, the first in its file.
tokens AS (
    SELECT conversion_id, token
    FROM found
    WHERE token = other_token
    UNION ALL
    SELECT
        m.conversion_id,
        min({
            'other': NOT coalesce(m.token = b.sspdata, m.touch_user_id = m.user_id, false),
            'place': m.source_offset,
            'token': m.token
        }).token AS token
    FROM matched AS m
    LEFT JOIN brought AS b ON b.conversion_id = m.conversion_id
    GROUP BY m.conversion_id
)
SELECT
    c.month,
    c.day,
    c.hour,
    c.conversion_time AS datetime,
    c.pixel_id,
    p.name AS pixel_name,
    c.order_id,
    c.other AS external_data,
    c.conv AS post_click_or_post_view_conv,
    c.value AS post_click_or_post_view_revenue,
    c.line_item_id,
    l.name AS line_item_name,
    l.insertion_order_id,
    o.name AS insertion_order_name,
    c.creative_id,
    r.name AS creative_name,
    c.touch_time AS imp_time,
    c.advertiser_id,
    v.name AS advertiser_name,
    t.token AS auction_id,
    c.booked_revenue,
    c.currency,
    c.zone
FROM chosen AS c
LEFT JOIN tokens AS t ON t.conversion_id = c.conversion_id
LEFT JOIN pixels AS p ON p.id = c.pixel_id
LEFT JOIN line_items AS l ON l.id = c.line_item_id
LEFT JOIN insertion_orders AS o ON o.id = l.insertion_order_id
LEFT JOIN creatives AS r ON r.id = c.creative_id
LEFT JOIN advertisers AS v ON v.id = c.advertiser_id
WHERE passes('pixel_name', p.name)
    AND passes('line_item_name', l.name)
    AND passes('insertion_order_id', l.insertion_order_id)
    AND passes('insertion_order_name', o.name)
    AND passes('creative_name', r.name)
    AND passes('advertiser_name', v.name)
    AND passes('auction_id', t.token)
ORDER BY c.conversion_time, c.conversion_id;
