-- Where the ledger does not say what the attributions say: conversions of the
-- days concerned whose entry that stands (booked, and taken back by no reversal)
-- is not what they earned. $1 is the first day, $2 and $3 are the UTC dates of the
-- instants between which the days lie, $4 and $5. Which of the days a conversion
-- is of is looked up for the differences alone: nearly all rows are none. A changed
-- touch or pixel alone is no difference.
CREATE TEMP TABLE differences AS
WITH entries AS (
    -- Nothing is booked under a day before its own, so older folders hold none.
    SELECT entry_id, conversion_id, conversion_type, advertiser_id, line_item_id, amount, currency, reverses
    FROM ledger
    WHERE kind <> 'credit'
        AND booked >= CAST($1 AS DATE)
        AND business_day >= CAST($1 AS DATE)
),
standing AS (
    SELECT e.*
    FROM entries AS e
    LEFT JOIN (SELECT reverses FROM entries WHERE reverses IS NOT NULL) AS r ON r.reverses = e.entry_id
    WHERE e.reverses IS NULL
        AND r.reverses IS NULL
),
earned AS (
    SELECT
        a.conversion_id,
        a.conversion_time,
        a.conversion_type,
        a.advertiser_id,
        a.line_item_id,
        a.pixel_id,
        a.touch_id,
        a.booked_revenue AS amount,
        a.currency
    FROM attributions AS a
    WHERE a.outcome = 'attributed'
        AND a.conversion_time >= CAST($4 AS TIMESTAMP WITH TIME ZONE)
        AND a.conversion_time < CAST($5 AS TIMESTAMP WITH TIME ZONE)
        AND a.date BETWEEN CAST($2 AS DATE) AND CAST($3 AS DATE)
)
SELECT
    coalesce(s.conversion_id, e.conversion_id) AS conversion_id,
    s.entry_id,
    e.conversion_time,
    e.conversion_type,
    e.advertiser_id,
    e.line_item_id,
    e.pixel_id,
    e.touch_id,
    e.amount,
    e.currency
FROM standing AS s
FULL OUTER JOIN earned AS e ON e.conversion_id = s.conversion_id
WHERE s.entry_id IS NULL
    OR e.conversion_id IS NULL
    OR s.amount <> e.amount
    OR s.conversion_type <> e.conversion_type
    OR s.line_item_id <> e.line_item_id
    OR s.advertiser_id <> e.advertiser_id
    OR s.currency <> e.currency;
