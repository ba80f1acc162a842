-- @report pixel_feed
-- @doc One row for each conversion event, attributed or not, in the order of their times. One that attribution has not reached yet has no outcome, and its pixel is the id that was sent. One whose event retention has erased keeps its decision, without referer and host.
-- @column conversion_id VARCHAR: event_id of the conversion
-- @column conversion_time TIMESTAMP WITH TIME ZONE: event_time of the conversion
-- @column pixel_id BIGINT: the pixel, a code resolved
-- @column advertiser_id BIGINT: the pixel's advertiser
-- @column user_id VARCHAR: the conversion's user
-- @column order_id VARCHAR: the conversion's order
-- @column value DECIMAL(18,6): the advertiser's own figure
-- @column other VARCHAR: external data
-- @column server_side BOOLEAN: sent by the advertiser's server
-- @column outcome VARCHAR: attributed or unattributed; null before attribution
-- @column reason VARCHAR: the step that failed; null when attributed
-- @column conversion_type VARCHAR: post_click or post_view, by the winning touch
-- @column touch_id VARCHAR: event_id of the winning touch
-- @column touch_time TIMESTAMP WITH TIME ZONE: event_time of the winning touch
-- @column tracker_id BIGINT: the winning touch's tracker
-- @column line_item_id BIGINT: the tracker's line item
-- @column creative_id BIGINT: the tracker's creative
-- @column publisher_id BIGINT: the tracker's publisher
-- @column booked_revenue DECIMAL(18,6): static revenue in force at conversion_time; 0 unless attributed
-- @column currency VARCHAR: the pixel's advertiser's; null unless attributed
-- @column rate_missing BOOLEAN: attributed, but no rate was in force
-- @column referer VARCHAR: the page, as the browser told it
-- @column host VARCHAR: host name of the edge that was asked
-- @column pixel_name VARCHAR: the pixel's name
-- @filter *
WITH decided AS NOT MATERIALIZED (
    SELECT *
    FROM attributions
    WHERE near_range(conversion_time, date)
),
fired AS NOT MATERIALIZED (
    SELECT *
    FROM conversions_between(getvariable('report_first'), getvariable('report_until'))
),
-- In two parts and not by one full join: so what is filtered by is looked for
-- before they are joined, and a filter by what only a decision has leaves the
-- second part out.
feed AS (
    SELECT
        d.conversion_id,
        d.conversion_time,
        d.pixel_id,
        d.advertiser_id,
        d.user_id,
        d.order_id,
        d.value,
        d.other,
        d.server_side,
        d.outcome,
        d.reason,
        d.conversion_type,
        d.touch_id,
        d.touch_time,
        d.tracker_id,
        d.line_item_id,
        d.creative_id,
        d.publisher_id,
        d.booked_revenue,
        d.currency,
        d.rate_missing,
        f.referer,
        f.host
    FROM decided AS d
    LEFT JOIN fired AS f ON f.event_id = d.conversion_id
    UNION ALL
    SELECT
        f.event_id,
        f.event_time,
        f.pixel_id,
        NULL,
        f.user_id,
        f.order_id,
        f.value,
        f.other,
        f.server_side,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        f.referer,
        f.host
    FROM fired AS f
    ANTI JOIN decided AS d ON d.conversion_id = f.event_id
)
SELECT
    f.*,
    p.name AS pixel_name,
    s.zone
FROM feed AS f
LEFT JOIN pixels AS p ON p.id = f.pixel_id
LEFT JOIN report_zones AS z ON z.advertiser_id = coalesce(f.advertiser_id, p.advertiser_id)
JOIN report_spans AS s
    ON s.zone = coalesce(z.zone, 0)
    AND f.conversion_time >= s.first
    AND f.conversion_time < s.until
WHERE passes('conversion_id', f.conversion_id)
    AND passes('conversion_time', epoch_us(f.conversion_time))
    AND near_filter('pixel_id', f.pixel_id)
    AND passes('pixel_id', f.pixel_id)
    AND near_filter('advertiser_id', f.advertiser_id)
    AND passes('advertiser_id', f.advertiser_id)
    AND passes('user_id', f.user_id)
    AND passes('order_id', f.order_id)
    AND passes('value', f.value)
    AND passes('other', f.other)
    AND passes('server_side', f.server_side)
    AND passes('outcome', f.outcome)
    AND passes('reason', f.reason)
    AND passes('conversion_type', f.conversion_type)
    AND passes('touch_id', f.touch_id)
    AND passes('touch_time', epoch_us(f.touch_time))
    AND passes('tracker_id', f.tracker_id)
    AND near_filter('line_item_id', f.line_item_id)
    AND passes('line_item_id', f.line_item_id)
    AND passes('creative_id', f.creative_id)
    AND passes('publisher_id', f.publisher_id)
    AND passes('booked_revenue', f.booked_revenue)
    AND passes('currency', f.currency)
    AND passes('rate_missing', f.rate_missing)
    AND passes('referer', f.referer)
    AND passes('host', f.host)
    AND passes('pixel_name', p.name)
ORDER BY f.conversion_time, f.conversion_id;
