-- How many pairs of a conversion and a line item touches are looked for.
SELECT count(*)
FROM asked_in_windows AS s
JOIN association_periods AS a
    ON a.pixel_id = s.pixel_id
    AND s.conversion_time >= a.from_time
    AND s.conversion_time < a.until_time;
