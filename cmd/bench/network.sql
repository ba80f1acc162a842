-- The synthetic network: who each touch is by, what it is of, and what the
-- catalog says, for the peers' statements.

-- A few users of many make most of the traffic.
CREATE MACRO touch_user(touch, users) AS md5('user' || floor(pow(hash(touch, 2) % 4294967296 / 4294967296, 2) * users)::BIGINT);

-- Every line item has one tracker, of its own number.
CREATE MACRO touch_line_item(touch) AS 1 + (hash(touch, 4) % 2500)::BIGINT;

-- When a touch was, of so many a day: the first twentieth of a day's numbers are
-- its clicks.
CREATE MACRO touch_is_click(touch, a_day) AS touch % a_day < a_day // 20;
CREATE MACRO touch_time(touch, a_day) AS make_timestamptz(1000 * (
    touch // a_day * 86400000
    + CASE
        WHEN touch_is_click(touch, a_day) THEN touch % a_day * 86390000 // (a_day // 20)
        ELSE (touch % a_day - a_day // 20) * 86390000 // (a_day - a_day // 20)
    END
    + (hash(touch, 20) % 10000)::BIGINT
));

-- Whether a touch is valid traffic with consent.
CREATE MACRO touch_counts(touch) AS hash(touch, 23) % 100 <> 1 AND hash(touch, 24) % 50 <> 0;

-- The touch that a conversion is of, where it is of any: one of the 18 days before
-- the touch `until`.
CREATE MACRO conversion_touch(n, until, a_day) AS until - 1 - (hash(n, 17) % (18 * a_day)::UBIGINT)::BIGINT;

-- Who pays for a pixel, in the catalog of the reports' lake.
CREATE MACRO pixel_advertiser(pixel) AS 1 + (pixel - 1) // 10;
CREATE MACRO advertiser_currency(advertiser) AS ['USD', 'EUR', 'GBP'][1 + advertiser % 3];

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
