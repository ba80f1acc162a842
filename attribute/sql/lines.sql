-- The conversion lines to be decided. Several with one id are one conversion:
-- the first by time, then the smallest by the columns named; texts compare by
-- their bytes. Lines that agree in all of these decide the same.
CREATE TEMP TABLE told AS
SELECT
    event_id, event_time, source_offset, order_id, user_id, value_text, pixel_id, pixel_code, sspdata, other,
    member_id, invalid_reason, consent, coalesce(server_side, false) AS server_side, value
FROM new_conversions
WHERE event_id NOT IN (SELECT conversion_id FROM frozen_again)
UNION ALL
SELECT
    event_id, event_time, source_offset, order_id, user_id, value_text, pixel_id, pixel_code, sspdata, other,
    member_id, invalid_reason, consent, coalesce(server_side, false) AS server_side, value
FROM old_conversions
WHERE event_id IN (SELECT conversion_id FROM reasked);

CREATE TEMP TABLE told_again AS
SELECT event_id
FROM told
GROUP BY event_id
HAVING count(*) > 1;

CREATE TEMP VIEW lines AS
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY event_id
            ORDER BY
                event_time,
                source_offset,
                order_id NULLS FIRST,
                user_id NULLS FIRST,
                value_text NULLS FIRST,
                pixel_id NULLS FIRST,
                pixel_code NULLS FIRST,
                sspdata NULLS FIRST,
                other NULLS FIRST,
                member_id NULLS FIRST,
                invalid_reason NULLS FIRST,
                consent,
                server_side
        ) AS nth
    FROM told
    WHERE event_id IN (SELECT event_id FROM told_again)
)
SELECT *, 1 AS nth
FROM told
WHERE event_id NOT IN (SELECT event_id FROM told_again)
UNION ALL
SELECT *
FROM numbered
WHERE nth = 1;
