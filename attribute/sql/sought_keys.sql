-- What touches are looked for by: a user and a line item that may earn it, or
-- the token alone that a conversion brings back.
CREATE OR REPLACE TEMP TABLE sought_by_user AS
SELECT DISTINCT s.user_id, a.line_item_id
FROM sought AS s
JOIN association_periods AS a
    ON a.pixel_id = s.pixel_id
    AND s.conversion_time >= a.from_time
    AND s.conversion_time < a.until_time
WHERE s.touch_token IS NULL;

CREATE OR REPLACE TEMP TABLE sought_by_token AS
SELECT DISTINCT touch_token
FROM sought
WHERE touch_token IS NOT NULL;
