-- Orders that no conversion has.
SELECT id
FROM asked_ids
EXCEPT
SELECT order_id
FROM ordered_conversions
ORDER BY id;
