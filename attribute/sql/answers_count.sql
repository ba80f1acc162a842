-- How many conversions were sought, how many answers there are, and how many of
-- those sought have one.
SELECT
    (SELECT count(*) FROM sought),
    (SELECT count(*) FROM answers),
    (SELECT count(*) FROM sought WHERE conversion_id IN (SELECT conversion_id FROM answers));
