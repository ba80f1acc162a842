-- Entries whose id is not the hash of what they are. The number of an entry
-- follows from its place among those of its conversion: by the day under which it
-- is booked, a reversal before the new booking. A credit's number counts within
-- its day, in an order that its columns do not tell: any that the day has will do.
WITH numbered AS (
    SELECT
        entry_id,
        CAST(booked AS VARCHAR) AS booked,
        kind,
        coalesce(conversion_id, '') AS conversion_id,
        CASE WHEN reverses IS NOT NULL OR kind = 'credit' AND amount < 0 THEN '-' ELSE '+' END AS sign,
        row_number() OVER (
            PARTITION BY kind = 'credit', CASE WHEN kind = 'credit' THEN CAST(booked AS VARCHAR) ELSE conversion_id END
            ORDER BY booked, CASE WHEN reverses IS NULL THEN 1 ELSE 0 END, entry_id
        ) AS number
    FROM ledger
),
named AS (
    SELECT
        n.entry_id,
        n.booked,
        n.kind,
        n.sign,
        left(sha256(concat(
            strlen(n.booked), ':', n.booked, ',',
            strlen(n.conversion_id), ':', n.conversion_id, ',',
            strlen(n.kind), ':', n.kind, ',',
            strlen(n.sign), ':', n.sign, ',',
            strlen(CAST(n.number AS VARCHAR)), ':', n.number, ','
        )), 32) AS right_id
    FROM numbered AS n
),
signs AS (
    SELECT '-' AS sign
    UNION ALL
    SELECT '+'
),
credit_ids AS (
    SELECT
        n.booked,
        s.sign,
        left(sha256(concat(
            strlen(n.booked), ':', n.booked, ',0:,6:credit,1:', s.sign, ',',
            strlen(CAST(n.number AS VARCHAR)), ':', n.number, ','
        )), 32) AS right_id
    FROM numbered AS n
    CROSS JOIN signs AS s
    WHERE n.kind = 'credit'
)
SELECT n.entry_id || ' of ' || n.booked || ' has another id than its columns give'
FROM named AS n
LEFT JOIN credit_ids AS c
    ON c.right_id = n.entry_id
    AND c.booked = n.booked
    AND c.sign = n.sign
WHERE CASE WHEN n.kind = 'credit' THEN c.right_id IS NULL ELSE n.entry_id <> n.right_id END
ORDER BY n.booked, n.entry_id
LIMIT 1000;
