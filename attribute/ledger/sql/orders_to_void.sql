-- Those of the orders' conversions that no void names yet.
SELECT conversion_id
FROM ordered_conversions
EXCEPT
SELECT conversion_id
FROM voids
ORDER BY conversion_id;
