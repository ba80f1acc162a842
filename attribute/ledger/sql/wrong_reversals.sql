-- Reversals that do not take back an entry as it is: it is there, it is no
-- reversal and no credit, it was booked before, and all but the id, the day, the
-- kind, the amount, the reason and the catalog is the same.
WITH reversals AS (
    SELECT * FROM ledger WHERE reverses IS NOT NULL
)
SELECT r.entry_id || ' does not take back ' || r.reverses || CASE
        WHEN e.entry_id IS NULL THEN ', which is not there'
        WHEN r.amount <> -e.amount THEN ': the amounts differ'
        ELSE ' as it was booked'
    END
FROM reversals AS r
LEFT JOIN ledger AS e ON e.entry_id = r.reverses
WHERE e.entry_id IS NULL
    OR e.reverses IS NOT NULL
    OR e.kind = 'credit'
    OR e.booked >= r.booked
    OR r.kind <> 'adjustment'
    OR r.amount <> -e.amount
    OR r.business_day <> e.business_day
    OR r.advertiser_id <> e.advertiser_id
    OR r.line_item_id <> e.line_item_id
    OR r.currency <> e.currency
    OR r.conversion_id IS DISTINCT FROM e.conversion_id
    OR r.conversion_time IS DISTINCT FROM e.conversion_time
    OR r.conversion_type IS DISTINCT FROM e.conversion_type
    OR r.pixel_id IS DISTINCT FROM e.pixel_id
    OR r.touch_id IS DISTINCT FROM e.touch_id
UNION ALL
SELECT reverses || ' is taken back by ' || count(*) || ' entries'
FROM reversals
GROUP BY reverses
HAVING count(*) > 1
ORDER BY 1
LIMIT 1000;
