-- What the adjustments are held against, by currency: their differences without
-- sign, summed over conversions, and what was booked, credits apart, on the 30
-- days before the first day to be closed, which is $1.
WITH differences_of AS (
    SELECT conversion_id, currency, abs(sum(amount)) AS difference
    FROM entries
    WHERE kind = 'adjustment'
    GROUP BY conversion_id, currency
),
booked_before AS (
    SELECT currency, sum(amount) AS amount
    FROM ledger
    WHERE kind <> 'credit'
        AND booked >= CAST($1 AS DATE) - INTERVAL 30 DAY
        AND booked < CAST($1 AS DATE)
    GROUP BY currency
)
SELECT
    d.currency,
    count(*),
    CAST(sum(d.difference) AS VARCHAR),
    CAST(max(b.amount) AS VARCHAR) -- null: nothing was booked there
FROM differences_of AS d
LEFT JOIN booked_before AS b ON b.currency = d.currency
GROUP BY d.currency
ORDER BY d.currency;
