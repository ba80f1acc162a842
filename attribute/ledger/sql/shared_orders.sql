-- Orders that conversions of more than one advertiser have, with their pixels.
SELECT order_id || ' (pixels ' || string_agg(DISTINCT CAST(pixel_id AS VARCHAR), ', ' ORDER BY CAST(pixel_id AS VARCHAR)) || ')'
FROM ordered_conversions
GROUP BY order_id
HAVING count(DISTINCT advertiser_id) > 1
ORDER BY order_id;
