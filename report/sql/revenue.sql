-- @report revenue
-- @doc The ledger, as finance reads it: entries that agree in all columns shown are one row. The range chooses by the business day that they are booked under, `booked`; names are of the catalog in force. A row's amount is its rate times its conversions, but a credit has neither: the reversal of a booking counts as −1 conversion at the booking's rate. With `--include-open` the days that are not closed yet are there too, as they would be booked now: of the kind `estimated`, without the adjustments that the next close will book.
-- @business
-- @param include_open BOOLEAN: add the open days as kind `estimated`
-- @column booked DATE: the business day that the entries are booked under
-- @column business_month VARCHAR: month of the business day that they are of, 2026-03
-- @column advertiser_id BIGINT: the advertiser that owes the amount
-- @column advertiser_name VARCHAR: its name
-- @column advertiser_code VARCHAR: its code
-- @column insertion_order_id BIGINT: the line item's insertion order
-- @column po_number VARCHAR: the advertiser's purchase order for it
-- @column line_item_id BIGINT: the line item that earned the amount
-- @column line_item_name VARCHAR: its name
-- @column line_item_code VARCHAR: its code
-- @column pixel_id BIGINT: the conversion pixel; null on a credit
-- @column pixel_name VARCHAR: its name
-- @column conversion_type VARCHAR: `post_click` or `post_view`; null on a credit
-- @column kind VARCHAR: `booking`, `adjustment`, `credit`, or `estimated` of an open day
-- @column rate DECIMAL(18,6): what one conversion is worth; null on a credit
-- @column conversions BIGINT: bookings count 1, reversals −1, credits 0
-- @column amount DECIMAL(38,6): the money
-- @column currency VARCHAR: its currency
-- @filter *
-- @note order: rows are sorted by all columns from the left, null first, texts by their bytes.
WITH entries AS (
    SELECT
        booked,
        business_day,
        advertiser_id,
        line_item_id,
        pixel_id,
        conversion_type,
        kind,
        CASE
            WHEN kind <> 'credit' AND reverses IS NULL THEN amount
            WHEN kind <> 'credit' THEN -amount
        END AS rate,
        CASE
            WHEN kind = 'credit' THEN 0
            WHEN reverses IS NULL THEN 1
            ELSE -1
        END AS conversions,
        amount,
        currency
    FROM ledger
    WHERE booked >= getvariable('report_first_day') AND booked < getvariable('report_until_day')
    UNION ALL
    SELECT
        d.day,
        d.day,
        d.advertiser_id,
        d.line_item_id,
        d.pixel_id,
        d.conversion_type,
        'estimated',
        d.booked_revenue,
        1,
        d.booked_revenue,
        d.currency
    FROM (
        SELECT a.*, day_of(a.conversion_time, s.offset_seconds) AS day
        FROM attributions AS a
        JOIN report_spans AS s ON a.conversion_time >= s.first AND a.conversion_time < s.until
        WHERE param('include_open') = 'true'
            AND a.outcome = 'attributed'
            AND near_range(a.conversion_time, a.date)
            AND a.date >= coalesce(getvariable('last_closed')::DATE - 1, DATE '1970-01-01')
    ) AS d
    WHERE d.day > coalesce(getvariable('last_closed')::DATE, DATE '1970-01-01')
        AND d.day >= coalesce(getvariable('ledger_from')::DATE, getvariable('report_ledger_from')::DATE, DATE '1970-01-01')
),
summed AS (
    SELECT
        booked,
        strftime(business_day, '%Y-%m') AS business_month,
        advertiser_id,
        line_item_id,
        pixel_id,
        conversion_type,
        kind,
        rate,
        CAST(sum(conversions) AS BIGINT) AS conversions,
        sum(amount) AS amount,
        currency
    FROM entries
    GROUP BY ALL
),
-- A line item without an insertion order has no purchase order either.
named AS (
    SELECT
        e.booked,
        e.business_month,
        e.advertiser_id,
        a.name AS advertiser_name,
        a.code AS advertiser_code,
        l.insertion_order_id,
        o.po_number,
        e.line_item_id,
        l.name AS line_item_name,
        l.code AS line_item_code,
        e.pixel_id,
        p.name AS pixel_name,
        e.conversion_type,
        e.kind,
        e.rate,
        e.conversions,
        e.amount,
        e.currency
    FROM summed AS e
    LEFT JOIN advertisers AS a ON a.id = e.advertiser_id
    LEFT JOIN line_items AS l ON l.id = e.line_item_id
    LEFT JOIN insertion_orders AS o ON o.id = l.insertion_order_id
    LEFT JOIN pixels AS p ON p.id = e.pixel_id
)
SELECT *
FROM named
WHERE passes('booked', booked)
    AND passes('business_month', business_month)
    AND passes('advertiser_id', advertiser_id)
    AND passes('advertiser_name', advertiser_name)
    AND passes('advertiser_code', advertiser_code)
    AND passes('insertion_order_id', insertion_order_id)
    AND passes('po_number', po_number)
    AND passes('line_item_id', line_item_id)
    AND passes('line_item_name', line_item_name)
    AND passes('line_item_code', line_item_code)
    AND passes('pixel_id', pixel_id)
    AND passes('pixel_name', pixel_name)
    AND passes('conversion_type', conversion_type)
    AND passes('kind', kind)
    AND passes('rate', rate)
    AND passes('conversions', conversions)
    AND passes('amount', amount)
    AND passes('currency', currency)
ORDER BY ALL NULLS FIRST;
