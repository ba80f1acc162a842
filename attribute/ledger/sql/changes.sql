-- The differences with what is to be known of each to book it: the entries that
-- the conversion has already, whatever their day, and, where nothing was earned
-- on the days concerned, its row in the attributions, wherever that is. $1 is the
-- first day, $2 and $3 bound the UTC dates of the attributions.
--
-- A line that came late may make a booked conversion one of an earlier day. That
-- alone is no difference. What is booked anew of it is of the day that it now has,
-- if that is among those concerned and earlier, else of the day under which it was
-- booked first; a conversion booked for an older day than those concerned is let be.
CREATE TEMP TABLE changes AS
WITH histories AS (
    SELECT l.conversion_id, min(l.business_day) AS business_day, count(*) AS entries
    FROM ledger AS l
    JOIN differences AS d ON d.conversion_id = l.conversion_id
    GROUP BY l.conversion_id
),
asked AS (
    SELECT conversion_id
    FROM differences
    WHERE conversion_time IS NULL
),
near AS (
    SELECT a.*
    FROM attributions AS a
    JOIN asked AS q ON q.conversion_id = a.conversion_id
    WHERE a.date BETWEEN CAST($2 AS DATE) AND CAST($3 AS DATE)
),
far AS (
    SELECT a.*
    FROM attributions AS a
    JOIN (SELECT conversion_id FROM asked EXCEPT SELECT conversion_id FROM near) AS q
        ON q.conversion_id = a.conversion_id
),
rows_asked AS (
    SELECT * FROM near
    UNION ALL
    SELECT * FROM far
),
said AS (
    SELECT
        d.conversion_id,
        d.entry_id,
        least(o.day, h.business_day) AS business_day,
        coalesce(o.closing, false) AND h.conversion_id IS NULL AS first_booking,
        coalesce(h.entries, 0) AS entries,
        d.conversion_time IS NOT NULL OR coalesce(a.outcome = 'attributed', false) AS earned,
        a.reason AS failed,
        coalesce(d.conversion_time, a.conversion_time) AS conversion_time,
        coalesce(d.conversion_type, a.conversion_type) AS conversion_type,
        coalesce(d.advertiser_id, a.advertiser_id) AS advertiser_id,
        coalesce(d.line_item_id, a.line_item_id) AS line_item_id,
        coalesce(d.pixel_id, a.pixel_id) AS pixel_id,
        coalesce(d.touch_id, a.touch_id) AS touch_id,
        coalesce(d.amount, a.booked_revenue) AS amount,
        coalesce(d.currency, a.currency) AS currency
    FROM differences AS d
    LEFT JOIN days AS o
        ON d.conversion_time >= o.from_time
        AND d.conversion_time < o.until_time
    LEFT JOIN histories AS h ON h.conversion_id = d.conversion_id
    LEFT JOIN rows_asked AS a ON a.conversion_id = d.conversion_id
),
standing AS (
    SELECT l.entry_id, l.conversion_type, l.advertiser_id, l.line_item_id, l.amount, l.currency
    FROM ledger AS l
    JOIN differences AS d ON d.entry_id = l.entry_id
    WHERE l.booked >= CAST($1 AS DATE)
),
void_reasons AS (
    SELECT conversion_id, min(reason) AS reason
    FROM voids
    GROUP BY conversion_id
)
SELECT
    c.*,
    CASE
        WHEN c.first_booking THEN NULL
        WHEN c.entry_id IS NULL THEN 'now attributed'
        WHEN c.earned THEN 'changed: ' || concat_ws(
            ', ',
            CASE WHEN s.advertiser_id <> c.advertiser_id THEN 'advertiser' END,
            CASE WHEN s.line_item_id <> c.line_item_id THEN 'line item' END,
            CASE WHEN s.conversion_type <> c.conversion_type THEN 'type' END,
            CASE WHEN s.amount <> c.amount THEN 'amount' END,
            CASE WHEN s.currency <> c.currency THEN 'currency' END
        )
        WHEN c.failed = 'voided' THEN 'voided: ' || coalesce(v.reason, '')
        WHEN c.failed IS NOT NULL THEN 'not attributed: ' || c.failed
        ELSE 'no such conversion'
    END AS reason
FROM said AS c
LEFT JOIN standing AS s ON s.entry_id = c.entry_id
LEFT JOIN void_reasons AS v ON v.conversion_id = c.conversion_id
WHERE c.business_day >= CAST($1 AS DATE)
    AND (
        s.entry_id IS NULL
        OR NOT c.earned
        OR s.amount <> c.amount
        OR s.conversion_type <> c.conversion_type
        OR s.line_item_id <> c.line_item_id
        OR s.advertiser_id <> c.advertiser_id
        OR s.currency <> c.currency
    );
