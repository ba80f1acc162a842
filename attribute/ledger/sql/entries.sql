-- The entries to be booked, numbered from 1 in the order in which they are
-- written: by day, then time and id of the conversion, a reversal before the new
-- booking. $1 is the first day concerned, $2 the newest closed. Times are Unix
-- microseconds, money is millionths.
CREATE TEMP TABLE entries AS
WITH listed AS (
    SELECT
        CAST($2 AS DATE) AS booked,
        l.business_day,
        'adjustment' AS kind,
        l.conversion_id,
        l.conversion_time,
        l.conversion_type,
        l.advertiser_id,
        l.line_item_id,
        l.pixel_id,
        l.touch_id,
        -l.amount AS amount,
        l.currency,
        c.reason,
        l.entry_id AS reverses,
        c.entries + 1 AS number
    FROM changes AS c
    JOIN ledger AS l ON l.entry_id = c.entry_id
    WHERE l.booked >= CAST($1 AS DATE)
    UNION ALL
    SELECT
        CASE WHEN c.first_booking THEN c.business_day ELSE CAST($2 AS DATE) END,
        c.business_day,
        CASE WHEN c.first_booking THEN 'booking' ELSE 'adjustment' END,
        c.conversion_id,
        c.conversion_time,
        c.conversion_type,
        c.advertiser_id,
        c.line_item_id,
        c.pixel_id,
        c.touch_id,
        c.amount,
        c.currency,
        c.reason,
        NULL,
        c.entries + CASE WHEN c.entry_id IS NULL THEN 1 ELSE 2 END
    FROM changes AS c
    WHERE c.earned
)
SELECT
    row_number() OVER (ORDER BY booked, conversion_time, conversion_id, number) AS position,
    booked,
    business_day,
    kind,
    conversion_id,
    conversion_time,
    conversion_type,
    advertiser_id,
    line_item_id,
    pixel_id,
    touch_id,
    amount,
    currency,
    reason,
    reverses,
    number
FROM listed;
