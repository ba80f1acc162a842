-- The synthetic network: who each touch is by, what it is of, and what the
-- catalog says, for the peers' statements.

-- A few users of many make most of the traffic.
CREATE MACRO touch_user(touch, users) AS md5('user' || floor(pow(hash(touch, 2) % 4294967296 / 4294967296, 2) * users)::BIGINT);

-- Every line item has one tracker, of its own number.
CREATE MACRO touch_line_item(touch) AS 1 + (hash(touch, 4) % 2500)::BIGINT;

-- 500 pixels with five line items each. Every tenth looks back as far as can be.
CREATE TABLE pixels AS
SELECT
    n AS pixel_id,
    to_minutes(CASE WHEN n % 10 = 0 THEN 129600 ELSE 20160 END) AS click_window,
    to_minutes(CASE WHEN n % 10 = 0 THEN 43200 ELSE 1440 END) AS view_window
FROM range(1, 501) AS numbers(n);

CREATE TABLE pixel_trackers AS
SELECT
    1 + (n - 1) // 5 AS pixel_id,
    n AS tracker_id
FROM range(1, 2501) AS numbers(n);
