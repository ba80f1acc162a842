-- @report reconciliation
-- @doc An advertiser's list of orders against our conversions: one row for each order id that either has. Here are the conversions with an order id, attributed or not, whose time is in the range. Several with one order id are one order: the first by time and id of the attributed ones, else of the voided, else of all. Name the advertiser or its pixels by --filter, as a list is of one advertiser. Order ids are compared byte by byte, values at six places or within --tolerance. Totals by status, currency, outcome and reason go to stderr.
-- @param orders FILE required: the advertiser's list: csv in UTF-8 with a header; comma, semicolon or tab
-- @param order_column VARCHAR: the column of order ids, by default order_id
-- @param value_column VARCHAR: the column of values, by default value; an empty field is no value
-- @param time_column VARCHAR: the column of times or dates, in the report's zone unless they say theirs; orders outside the range are then left out
-- @param delimiter VARCHAR: comma, semicolon or tab; by default the one by which the header has the columns
-- @param decimal_comma BOOLEAN: values are like 1.234,50
-- @param sum_rows BOOLEAN: an order that stands on several rows has their sum; without it, that is a mistake
-- @param tolerance DECIMAL(18,6): values that differ by no more are equal
-- @param time_tolerance DURATION: orders of either side up to so far outside the range are compared too, and left out where the other side does not have them
-- @choice advertiser_id BIGINT: the advertiser of our conversions
-- @choice pixel_id BIGINT: their pixel
-- @choice currency VARCHAR: their advertiser's
-- @choice attributed_conversions BIGINT: how many attributed conversions have the order id; a void by order is of all of them
-- @column order_id VARCHAR: the order
-- @column status VARCHAR: `matched`; `value_differs`; `only_here`: the list does not have it; `only_there`: we do not
-- @column value_here DECIMAL(18,6): what the pixel was told; null where that was no number
-- @column value_there DECIMAL(38,6): what the list says
-- @column conversion_id VARCHAR: event_id of the conversion
-- @column outcome VARCHAR: attributed or unattributed; null before attribution
-- @column reason VARCHAR: the step that failed: why ours did not count
-- @filter *
-- @totals status currency outcome reason: value_here value_there
-- @note filter: `advertiser_id`, `pixel_id` and `currency` choose which conversions are ours, the others among the rows. A void by order is of every conversion that has its id: `attributed_conversions=1` leaves out the order ids that stand for several.
-- @note guide: docs/reconciliation.md goes through it, from the list to what is not paid.
-- @note order: rows are sorted by the order id, byte by byte.
WITH bounds AS (
    SELECT zone, min(first) AS first, max(until) AS until
    FROM report_spans
    GROUP BY zone
),
-- As pixel_feed has them: decided, or waiting for attribution.
decided AS NOT MATERIALIZED (
    SELECT conversion_id, conversion_time, pixel_id, advertiser_id, order_id, value, outcome, reason
    FROM attributions
    WHERE conversion_time >= getvariable('report_first') - margin()
        AND conversion_time < getvariable('report_until') + margin()
        AND date >= CAST(getvariable('report_first') - margin() AS DATE)
        AND date <= CAST(getvariable('report_until') + margin() AS DATE)
),
fired AS (
    SELECT event_id, event_time, coalesce(c.pixel_id, p.id) AS pixel_id, order_id, value
    FROM conversions_between(getvariable('report_first') - margin(), getvariable('report_until') + margin()) AS c
    LEFT JOIN pixels AS p
        ON p.code = CASE WHEN c.pixel_id IS NULL AND c.member_id = getvariable('member_id') THEN c.pixel_code END
),
-- Of those that are asked for: the join leaves nearly all out.
waiting AS (
    SELECT f.*, p.advertiser_id
    FROM fired AS f
    LEFT JOIN pixels AS p ON p.id = f.pixel_id
    WHERE f.order_id <> ''
        AND passes('advertiser_id', p.advertiser_id)
        AND passes('pixel_id', f.pixel_id)
),
here AS (
    SELECT conversion_id, conversion_time, pixel_id, advertiser_id, order_id, value, outcome, reason
    FROM decided
    UNION ALL
    SELECT w.event_id, w.event_time, w.pixel_id, w.advertiser_id, w.order_id, w.value, NULL, NULL
    FROM waiting AS w
    ANTI JOIN decided AS d ON d.conversion_id = w.event_id
),
ours AS (
    SELECT
        h.*,
        a.currency,
        count(*) FILTER (WHERE h.outcome = 'attributed') OVER (PARTITION BY h.order_id) AS attributed_conversions,
        h.conversion_time >= b.first AND h.conversion_time < b.until AS inside
    FROM here AS h
    LEFT JOIN report_zones AS z ON z.advertiser_id = h.advertiser_id
    JOIN bounds AS b ON b.zone = coalesce(z.zone, 0)
    LEFT JOIN advertisers AS a ON a.id = h.advertiser_id
    WHERE h.order_id <> ''
        AND h.conversion_time >= b.first - margin()
        AND h.conversion_time < b.until + margin()
        AND near_filter('advertiser_id', h.advertiser_id)
        AND passes('advertiser_id', h.advertiser_id)
        AND near_filter('pixel_id', h.pixel_id)
        AND passes('pixel_id', h.pixel_id)
        AND passes('currency', a.currency)
    QUALIFY row_number() OVER (
        PARTITION BY h.order_id
        ORDER BY
            h.outcome IS NOT DISTINCT FROM 'attributed' DESC,
            h.reason IS NOT DISTINCT FROM 'voided' DESC,
            h.conversion_time,
            h.conversion_id
    ) = 1
),
theirs AS (
    SELECT
        order_id,
        CAST(sum(from_millionths(millionths)) AS DECIMAL(38, 6)) AS value,
        bool_or(inside) AS inside
    FROM report_orders
    GROUP BY order_id
),
compared AS (
    SELECT
        coalesce(o.order_id, t.order_id) AS order_id,
        CASE
            WHEN t.order_id IS NULL THEN 'only_here'
            WHEN o.order_id IS NULL THEN 'only_there'
            WHEN o.value IS NULL AND t.value IS NULL THEN 'matched'
            WHEN abs(o.value - t.value) <= coalesce(CAST(param('tolerance') AS DECIMAL(18, 6)), 0) THEN 'matched'
            ELSE 'value_differs'
        END AS status,
        o.value AS value_here,
        t.value AS value_there,
        o.conversion_id,
        o.outcome,
        o.reason,
        o.advertiser_id,
        o.pixel_id,
        o.currency,
        o.attributed_conversions
    FROM ours AS o
    FULL JOIN theirs AS t ON t.order_id = o.order_id
    WHERE coalesce(o.inside, false) OR coalesce(t.inside, false)
)
SELECT *
FROM compared
WHERE passes('order_id', order_id)
    AND passes('status', status)
    AND passes('value_here', value_here)
    AND passes('value_there', value_there)
    AND passes('conversion_id', conversion_id)
    AND passes('outcome', outcome)
    AND passes('reason', reason)
    AND passes('attributed_conversions', attributed_conversions)
ORDER BY order_id;
