-- Where the stretches of time begin that hold about $1 pairs of a conversion and
-- a line item each, the first one's apart.
WITH tied AS (
    SELECT
        s.conversion_time,
        (row_number() OVER (ORDER BY s.conversion_time) - 1) // $1 AS stretch
    FROM asked_in_windows AS s
    JOIN association_periods AS a
        ON a.pixel_id = s.pixel_id
        AND s.conversion_time >= a.from_time
        AND s.conversion_time < a.until_time
)
SELECT DISTINCT min(conversion_time) AS from_time
FROM tied
WHERE stretch > 0
GROUP BY stretch
ORDER BY from_time;
