-- Conversions that a void names.
CREATE TEMP TABLE voided AS
SELECT DISTINCT conversion_id
FROM voids;
