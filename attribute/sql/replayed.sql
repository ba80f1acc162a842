-- Known conversions under a disturbed key, at or after the disturbance. What
-- becomes of them disturbs their other key in turn, so this is asked again
-- until nothing is added.
CREATE OR REPLACE TEMP TABLE replayed AS
SELECT k.*
FROM known_in_reach AS k
JOIN disturbed AS d
    ON d.high = k.user_high
    AND d.low = k.user_low
    AND k.conversion_time >= d.from_time
WHERE k.conversion_id NOT IN (SELECT conversion_id FROM replaced)
UNION
SELECT k.*
FROM known_in_reach AS k
JOIN disturbed AS d
    ON d.high = k.order_high
    AND d.low = k.order_low
    AND k.conversion_time >= d.from_time
WHERE k.conversion_id NOT IN (SELECT conversion_id FROM replaced);

CREATE OR REPLACE TEMP TABLE disturbed AS
SELECT high, low, min(from_time) AS from_time
FROM (
    SELECT high, low, from_time FROM disturbed
    UNION ALL
    SELECT user_high, user_low, conversion_time FROM replayed
    UNION ALL
    SELECT order_high, order_low, conversion_time FROM replayed
) AS moved
WHERE high IS NOT NULL
GROUP BY high, low;
