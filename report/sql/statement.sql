-- @report statement
-- @doc What an advertiser owes for one month, net of tax, as it is billed. A month holds what is booked under its business days, which are the configuration's; names are of the catalog in force. What is of the month itself is section `booked`, by insertion order, line item, type and rate: bookings, and what changed within the month about its earlier days; a reversal counts as −1 conversion at its rate. What a month books about earlier months is section `adjustment`, by their month. Negotiated amounts are section `credit`, each reason in a row of its own. Each advertiser and currency has one row `total`, the sum of the rows above it. A month is `final` once its last day is closed: nothing is booked under it any more, and what changes later is in a later month's statement. Until then it is `open` and holds what is booked so far. A month with nothing booked has no rows. The statements of all months add up to the ledger.
-- @rangeless
-- @param month MONTH required: the month, such as 2026-03
-- @column month VARCHAR: the month of the statement, 2026-03
-- @column advertiser_id BIGINT: the advertiser that owes the amount
-- @column advertiser_name VARCHAR: its name
-- @column advertiser_code VARCHAR: its code
-- @column insertion_order_id BIGINT: the line item's insertion order; null on a total, and where the line item has none
-- @column insertion_order_name VARCHAR: its name
-- @column po_number VARCHAR: the advertiser's purchase order for it
-- @column line_item_id BIGINT: the line item that earned the amount; null on a total
-- @column line_item_name VARCHAR: its name
-- @column line_item_code VARCHAR: its code
-- @column section VARCHAR: `booked`, `adjustment`, `credit` or `total`
-- @column business_month VARCHAR: the month that the amount is of, on an adjustment an earlier one; null on a total
-- @column conversion_type VARCHAR: `post_click` or `post_view`; null on a credit and a total
-- @column rate DECIMAL(18,6): what one conversion is worth; null on a credit and a total
-- @column reason VARCHAR: why a credit was granted
-- @column conversions BIGINT: bookings count 1, reversals −1, credits 0
-- @column amount DECIMAL(38,6): the money, net of tax
-- @column currency VARCHAR: its currency
-- @column state VARCHAR: `final`, or `open` while the month's last day is not closed
-- @filter *
-- @note filter: `section`, `conversions` and `amount` choose among the rows. All others choose what is booked before it is added up: a total is that of the rows shown with it.
-- @note order: by advertiser, currency and section in the order above; within one by month, insertion order, line item, type, rate and reason, null first.
WITH entries AS (
    SELECT
        advertiser_id,
        line_item_id,
        CASE
            WHEN kind = 'credit' THEN 3
            WHEN strftime(business_day, '%Y-%m') = param('month') THEN 1
            ELSE 2
        END AS section,
        strftime(business_day, '%Y-%m') AS business_month,
        conversion_type,
        CASE
            WHEN kind <> 'credit' AND reverses IS NULL THEN amount
            WHEN kind <> 'credit' THEN -amount
        END AS rate,
        CASE WHEN kind = 'credit' THEN reason END AS reason,
        CASE
            WHEN kind = 'credit' THEN 0
            WHEN reverses IS NULL THEN 1
            ELSE -1
        END AS conversions,
        amount,
        currency
    FROM ledger
    WHERE booked >= CAST(param('month') || '-01' AS DATE)
        AND booked < CAST(param('month') || '-01' AS DATE) + INTERVAL 1 MONTH
),
summed AS (
    SELECT
        advertiser_id,
        line_item_id,
        section,
        business_month,
        conversion_type,
        rate,
        reason,
        sum(conversions) AS conversions,
        sum(amount) AS amount,
        currency,
        CASE
            WHEN last_day(CAST(param('month') || '-01' AS DATE)) <= getvariable('last_closed')::DATE THEN 'final'
            ELSE 'open'
        END AS state
    FROM entries
    GROUP BY ALL
),
-- A line item without an insertion order has no purchase order either.
chosen AS (
    SELECT
        s.*,
        a.name AS advertiser_name,
        a.code AS advertiser_code,
        l.insertion_order_id,
        o.name AS insertion_order_name,
        o.po_number,
        l.name AS line_item_name,
        l.code AS line_item_code
    FROM summed AS s
    LEFT JOIN advertisers AS a ON a.id = s.advertiser_id
    LEFT JOIN line_items AS l ON l.id = s.line_item_id
    LEFT JOIN insertion_orders AS o ON o.id = l.insertion_order_id
    WHERE passes('month', param('month'))
        AND passes('advertiser_id', s.advertiser_id)
        AND passes('advertiser_name', a.name)
        AND passes('advertiser_code', a.code)
        AND passes('insertion_order_id', l.insertion_order_id)
        AND passes('insertion_order_name', o.name)
        AND passes('po_number', o.po_number)
        AND passes('line_item_id', s.line_item_id)
        AND passes('line_item_name', l.name)
        AND passes('line_item_code', l.code)
        AND passes('business_month', s.business_month)
        AND passes('conversion_type', s.conversion_type)
        AND passes('rate', s.rate)
        AND passes('reason', s.reason)
        AND passes('currency', s.currency)
        AND passes('state', s.state)
),
totals AS (
    SELECT
        advertiser_id,
        advertiser_name,
        advertiser_code,
        4 AS section,
        sum(conversions) AS conversions,
        sum(amount) AS amount,
        currency,
        state
    FROM chosen
    GROUP BY ALL
),
all_rows AS (
    SELECT * FROM chosen
    UNION ALL BY NAME
    SELECT * FROM totals
),
named AS (
    SELECT
        param('month') AS month,
        advertiser_id,
        advertiser_name,
        advertiser_code,
        insertion_order_id,
        insertion_order_name,
        po_number,
        line_item_id,
        line_item_name,
        line_item_code,
        ['booked', 'adjustment', 'credit', 'total'][section] AS section,
        business_month,
        conversion_type,
        rate,
        reason,
        CAST(conversions AS BIGINT) AS conversions,
        CAST(amount AS DECIMAL(38, 6)) AS amount,
        currency,
        state,
        section AS place
    FROM all_rows
)
SELECT * EXCLUDE (place)
FROM named
WHERE passes('section', section)
    AND passes('conversions', conversions)
    AND passes('amount', amount)
ORDER BY advertiser_id, currency, place, business_month NULLS FIRST, insertion_order_id NULLS FIRST, line_item_id NULLS FIRST,
    conversion_type NULLS FIRST, rate NULLS FIRST, reason NULLS FIRST;
