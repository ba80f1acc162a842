-- Those of the conversions that no void names yet.
SELECT id
FROM asked_ids
EXCEPT
SELECT conversion_id
FROM voids
ORDER BY id;
