-- The days of which something must be written anew: all, or the decisions alone.
SELECT utc_date(conversion_time) AS day, true AS known_changes
FROM fresh
UNION
SELECT utc_date(conversion_time), true
FROM replaced
UNION
SELECT utc_date(conversion_time), false
FROM known
WHERE id_hash IN (SELECT short_hash(conversion_id) FROM new_voids)
UNION
SELECT utc_date(conversion_time), false
FROM known
WHERE pixel_id IN (SELECT pixel_id FROM changed_pixels WHERE from_step = 11)
    AND refused IS DISTINCT FROM 'frozen'
ORDER BY day;
