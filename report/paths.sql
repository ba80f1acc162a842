-- What attribution_models reads: the paths of touches before the attributed
-- conversions that it is asked for, and how often paths go from one channel to
-- the next. A channel is what the report is by, of one advertiser.

CREATE OR REPLACE TEMP MACRO lookback() AS to_days(CAST(coalesce(param('lookback_days'), '90') AS INTEGER));

-- What a touch gets of an amount by its weight, where the path's weights up to it
-- and all of them are known: the difference of two rounded sums, so that the
-- touches of a path get all of it.
CREATE OR REPLACE TEMP MACRO credit(amount, weight, weight_until, weight_all) AS
    CAST(amount AS HUGEINT) * weight_until // weight_all
    - CAST(amount AS HUGEINT) * (weight_until - weight) // weight_all;

-- A count of millionths, as a sum.
CREATE OR REPLACE TEMP MACRO exact(n) AS CAST(n AS DECIMAL(32, 0)) * CAST(0.000001 AS DECIMAL(6, 6));

-- When an association of a pixel and a line item counts: both must.
CREATE OR REPLACE TEMP TABLE model_associations AS
SELECT
    a.pixel_id,
    l.id AS line_item_id,
    greatest(
        coalesce(l.active_from, TIMESTAMPTZ '-infinity'),
        coalesce(a.active_from, TIMESTAMPTZ '-infinity')
    ) AS from_time,
    least(
        coalesce(l.active_until, TIMESTAMPTZ 'infinity'),
        coalesce(a.active_until, TIMESTAMPTZ 'infinity')
    ) AS until_time
FROM line_items AS l, unnest(l.pixels) AS u(a)
WHERE l.state = 'active' AND a.state = 'active';

-- Which kinds of touches a pixel lets earn, and when.
CREATE OR REPLACE TEMP TABLE model_triggers AS
WITH entries AS (
    SELECT id AS pixel_id, TIMESTAMPTZ '-infinity' AS from_time, trigger_type
    FROM pixels
    UNION ALL
    SELECT p.id, s."from", s.trigger_type
    FROM pixels AS p, unnest(p.settings) AS u(s)
)
SELECT
    pixel_id,
    from_time,
    lead(from_time, 1, TIMESTAMPTZ 'infinity') OVER (PARTITION BY pixel_id ORDER BY from_time) AS until_time,
    trigger_type <> 'view' AS clicks,
    trigger_type <> 'click' AS views
FROM entries;

-- The conversions, and what their touches are tied to them by: a user, or a token.
CREATE OR REPLACE TEMP TABLE model_conversions AS
WITH asked AS MATERIALIZED (
    SELECT
        a.conversion_id,
        a.conversion_time,
        a.pixel_id,
        a.advertiser_id,
        a.user_id,
        a.touch_id,
        a.touch_time,
        a.tracker_id,
        a.line_item_id,
        a.creative_id,
        a.publisher_id,
        millionths(a.booked_revenue) AS revenue,
        a.currency,
        a.date
    FROM attributions AS a
    LEFT JOIN report_zones AS z ON z.advertiser_id = a.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND a.conversion_time >= s.first
        AND a.conversion_time < s.until
    WHERE a.outcome = 'attributed'
        AND near_range(a.conversion_time, a.date)
        AND near_filter('advertiser_id', a.advertiser_id)
        AND passes('advertiser_id', a.advertiser_id)
        AND near_filter('pixel_id', a.pixel_id)
        AND passes('pixel_id', a.pixel_id)
        AND passes('conversion_type', a.conversion_type)
        AND passes('currency', a.currency)
),
-- Of several lines with one id the first counts.
brought AS (
    SELECT event_id, nullif(arg_min(coalesce(sspdata, ''), (event_time, source_offset)), '') AS touch_token
    FROM conversion_lines()
    WHERE date >= CAST(getvariable('report_first') AS DATE)
        AND date <= CAST(getvariable('report_until') AS DATE)
        AND event_id IN (SELECT conversion_id FROM asked)
    GROUP BY event_id
)
SELECT
    a.*,
    b.touch_token IS NOT NULL AS by_token,
    coalesce(b.touch_token, a.user_id) AS tie
FROM asked AS a
LEFT JOIN brought AS b ON b.event_id = a.conversion_id;

-- Valid touches that some pixel lets earn, within the lookback of the range.
CREATE OR REPLACE TEMP VIEW model_touches AS
WITH touches AS (
    SELECT
        true AS is_click, event_id AS touch_id, event_time AS touch_time, tracker_id, user_id,
        coalesce(nullif(token, ''), event_id) AS token, date
    FROM clicks
    WHERE invalid_reason IS NULL AND consent <> 'denied'
    UNION ALL
    SELECT
        false, event_id, event_time, tracker_id, user_id,
        coalesce(nullif(token, ''), event_id), date
    FROM impressions
    WHERE invalid_reason IS NULL AND consent <> 'denied'
)
SELECT t.is_click, t.touch_id, t.touch_time, t.tracker_id, t.user_id, t.token, l.advertiser_id, r.line_item_id, r.creative_id, r.publisher_id
FROM touches AS t
JOIN trackers AS r ON r.id = t.tracker_id
JOIN line_items AS l ON l.id = r.line_item_id
WHERE t.touch_time >= getvariable('report_first') - lookback()
    AND t.touch_time < getvariable('report_until')
    AND t.date >= CAST(getvariable('report_first') - lookback() AS DATE)
    AND t.date <= CAST(getvariable('report_until') AS DATE)
    AND passes('advertiser_id', l.advertiser_id)
    AND r.line_item_id IN (SELECT line_item_id FROM model_associations WHERE passes('pixel_id', pixel_id));

-- The touches of each tie in their order, a repeated line once.
CREATE OR REPLACE TEMP TABLE model_tied AS
WITH tied AS (
    SELECT DISTINCT false AS by_token, user_id AS tie, touch_time, touch_id, tracker_id, is_click, line_item_id, creative_id, publisher_id
    FROM model_touches
    WHERE user_id IN (SELECT tie FROM model_conversions WHERE NOT by_token)
    UNION ALL
    SELECT DISTINCT true, token, touch_time, touch_id, tracker_id, is_click, line_item_id, creative_id, publisher_id
    FROM model_touches
    WHERE token IN (SELECT tie FROM model_conversions WHERE by_token)
)
SELECT
    *,
    row_number() OVER (PARTITION BY by_token, tie ORDER BY touch_time, touch_id, tracker_id) AS place
FROM tied;

-- The paths: of a tie's last thousand touches before the conversion those that
-- may earn it by the lookback in place of its pixel's windows; and always the one
-- that did. By the place and not by the time they are found in one join by
-- equality: a robot's touches times its conversions are never all looked at.
CREATE OR REPLACE TEMP TABLE model_paths AS
WITH moments AS (
    SELECT by_token, tie, touch_time AS moment, 1 AS touches, CAST(NULL AS VARCHAR) AS conversion_id
    FROM model_tied
    UNION ALL
    SELECT by_token, tie, conversion_time, 0, conversion_id
    FROM model_conversions
),
reached AS (
    SELECT
        conversion_id,
        -- touches of the conversion's own moment are before it
        CAST(sum(touches) OVER (
            PARTITION BY by_token, tie
            ORDER BY moment
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS BIGINT) AS last_place
    FROM moments
),
looked AS (
    SELECT
        c.*,
        unnest(range(greatest(1, r.last_place - 999), r.last_place + 1)) AS place
    FROM model_conversions AS c
    JOIN reached AS r ON r.conversion_id = c.conversion_id
),
found AS (
    SELECT
        c.conversion_id, c.advertiser_id, c.revenue, c.currency,
        t.touch_time, t.touch_id, t.tracker_id, t.line_item_id, t.creative_id, t.publisher_id
    FROM looked AS c
    JOIN model_tied AS t ON t.by_token = c.by_token AND t.tie = c.tie AND t.place = c.place
    JOIN model_triggers AS g
        ON g.pixel_id = c.pixel_id
        AND c.conversion_time >= g.from_time
        AND c.conversion_time < g.until_time
    WHERE t.touch_time >= c.conversion_time - lookback()
        AND CASE WHEN t.is_click THEN g.clicks ELSE g.views END
        AND EXISTS (
            FROM model_associations AS a
            WHERE a.pixel_id = c.pixel_id
                AND a.line_item_id = t.line_item_id
                AND c.conversion_time >= a.from_time
                AND c.conversion_time < a.until_time
        )
    UNION
    SELECT
        conversion_id, advertiser_id, revenue, currency,
        touch_time, touch_id, tracker_id, line_item_id, creative_id, publisher_id
    FROM model_conversions
)
SELECT
    conversion_id,
    advertiser_id,
    revenue,
    currency,
    touch_time,
    CASE WHEN is_by('line_item_id') THEN line_item_id END AS line_item_id,
    CASE WHEN is_by('creative_id') THEN creative_id END AS creative_id,
    CASE WHEN is_by('publisher_id') THEN publisher_id END AS publisher_id,
    row_number() OVER of_path AS place,
    count(*) OVER (PARTITION BY conversion_id) AS places
FROM found
WINDOW of_path AS (PARTITION BY conversion_id ORDER BY touch_time, touch_id, tracker_id, line_item_id, creative_id, publisher_id);

-- The channels: those of the catalog that may earn, and those that did.
CREATE OR REPLACE TEMP TABLE model_channels AS
WITH known AS (
    SELECT advertiser_id, line_item_id, creative_id, publisher_id
    FROM model_paths
    UNION
    SELECT
        l.advertiser_id,
        CASE WHEN is_by('line_item_id') THEN r.line_item_id END,
        CASE WHEN is_by('creative_id') THEN r.creative_id END,
        CASE WHEN is_by('publisher_id') THEN r.publisher_id END
    FROM trackers AS r
    JOIN line_items AS l ON l.id = r.line_item_id
    WHERE l.advertiser_id IN (SELECT advertiser_id FROM model_conversions)
)
SELECT
    *,
    row_number() OVER (ORDER BY advertiser_id, line_item_id, creative_id, publisher_id) AS channel
FROM known;

-- When the touches of a tracker may earn a conversion of one of the pixels, from
-- the first time to the last.
CREATE OR REPLACE TEMP TABLE model_earning AS
WITH periods AS (
    SELECT
        a.line_item_id,
        min(CASE WHEN g.clicks THEN greatest(a.from_time, g.from_time) END) AS clicks_from,
        max(CASE WHEN g.clicks THEN least(a.until_time, g.until_time) END) AS clicks_until,
        min(CASE WHEN g.views THEN greatest(a.from_time, g.from_time) END) AS views_from,
        max(CASE WHEN g.views THEN least(a.until_time, g.until_time) END) AS views_until
    FROM model_associations AS a
    JOIN model_triggers AS g
        ON g.pixel_id = a.pixel_id
        AND g.from_time < a.until_time
        AND g.until_time > a.from_time
    WHERE passes('pixel_id', a.pixel_id)
    GROUP BY a.line_item_id
)
SELECT r.id AS tracker_id, c.channel, p.clicks_from, p.clicks_until, p.views_from, p.views_until
FROM trackers AS r
JOIN line_items AS l ON l.id = r.line_item_id
JOIN periods AS p ON p.line_item_id = r.line_item_id
JOIN model_channels AS c
    ON c.advertiser_id = l.advertiser_id
    AND c.line_item_id IS NOT DISTINCT FROM CASE WHEN is_by('line_item_id') THEN r.line_item_id END
    AND c.creative_id IS NOT DISTINCT FROM CASE WHEN is_by('creative_id') THEN r.creative_id END
    AND c.publisher_id IS NOT DISTINCT FROM CASE WHEN is_by('publisher_id') THEN r.publisher_id END;

-- Steps from channel to channel: 0 is where paths begin, -1 a conversion, -2 none.
CREATE OR REPLACE TEMP TABLE model_steps AS
WITH walked AS (
    SELECT p.advertiser_id, p.conversion_id, p.place, p.places, c.channel
    FROM model_paths AS p
    JOIN model_channels AS c
        ON c.advertiser_id IS NOT DISTINCT FROM p.advertiser_id
        AND c.line_item_id IS NOT DISTINCT FROM p.line_item_id
        AND c.creative_id IS NOT DISTINCT FROM p.creative_id
        AND c.publisher_id IS NOT DISTINCT FROM p.publisher_id
),
-- The touches in the range of users who came to none of these conversions.
lost AS (
    SELECT t.advertiser_id, hash(t.user_id) AS user_hash, t.touch_time, hash(t.touch_id) AS touch_hash, e.channel
    FROM model_touches AS t
    JOIN model_earning AS e ON e.tracker_id = t.tracker_id
    WHERE t.user_id IS NOT NULL
        AND t.touch_time >= getvariable('report_first')
        AND CASE
            WHEN t.is_click THEN t.touch_time >= e.clicks_from AND t.touch_time < e.clicks_until
            ELSE t.touch_time >= e.views_from AND t.touch_time < e.views_until
        END
        AND t.user_id NOT IN (SELECT user_id FROM model_conversions WHERE user_id IS NOT NULL)
),
led AS (
    SELECT
        advertiser_id,
        coalesce(lag(channel) OVER of_user, 0) AS from_state,
        channel,
        lead(channel) OVER of_user AS next_channel
    FROM lost
    WINDOW of_user AS (PARTITION BY advertiser_id, user_hash ORDER BY touch_time, touch_hash, channel)
),
steps AS (
    SELECT
        advertiser_id,
        coalesce(lag(channel) OVER (PARTITION BY conversion_id ORDER BY place), 0) AS from_state,
        channel AS to_state
    FROM walked
    UNION ALL
    SELECT advertiser_id, channel, -1
    FROM walked
    WHERE place = places
    UNION ALL
    SELECT advertiser_id, from_state, channel
    FROM led
    UNION ALL
    SELECT advertiser_id, channel, -2
    FROM led
    WHERE next_channel IS NULL
)
SELECT advertiser_id, from_state, to_state, count(*) AS times
FROM steps
GROUP BY advertiser_id, from_state, to_state;

-- The removal effects of the channels, filled in Go.
CREATE OR REPLACE TEMP TABLE model_effects (
    channel BIGINT,
    effect DECIMAL(18, 6), -- in [0, 1]
    weight BIGINT          -- the same, finer, as a whole number
);
