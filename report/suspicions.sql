-- What does not look like people, among what no robot's name gives away: the
-- findings of the report suspicious_traffic. How they are found, from which
-- numbers on and why stands in docs/invalid-traffic.md.

-- A limit: as it was asked for, else the usual one. What is beyond 1,000,000,000 says
-- no more.
CREATE OR REPLACE TEMP MACRO suspicion_limit(name, usual) AS
    least(greatest(coalesce(CAST(param(name) AS BIGINT), usual), 0), 1000000000);

-- The logarithm; null of what has none, which is an error otherwise, in whatever
-- order conditions are looked at.
CREATE OR REPLACE TEMP MACRO log_of(amount) AS ln(CASE WHEN amount > 0 THEN amount END);

-- What somebody sent, as it may stand in a sentence.
CREATE OR REPLACE TEMP MACRO shown(said) AS regexp_replace(left(said, 40), '\p{C}', '�', 'g');

-- A row for each conversion that a finding concerns, and one without a conversion
-- for a finding that concerns none. Nothing is read where asked is false.
CREATE OR REPLACE TEMP MACRO suspicions(asked) AS TABLE
WITH seen_impressions AS NOT MATERIALIZED (
    SELECT date, user_id, ip
    FROM impressions
    WHERE asked AND near_range(event_time, date) AND invalid_reason IS NULL
),
seen_clicks AS NOT MATERIALIZED (
    SELECT date, event_time, user_id, ip, tracker_id
    FROM clicks
    WHERE asked AND near_range(event_time, date) AND invalid_reason IS NULL
),
-- Clicks, and conversions that a browser sent.
actions AS NOT MATERIALIZED (
    SELECT date, user_id, ip
    FROM seen_clicks
    UNION ALL
    SELECT date, user_id, ip
    FROM conversion_lines()
    WHERE asked AND near_range(event_time, date) AND invalid_reason IS NULL AND NOT coalesce(server_side, false)
),
-- The line of a conversion has what its attribution leaves out; of several lines
-- at one time any has it.
lines AS (
    SELECT event_id, event_time, min(ip) AS ip, min(edge) AS edge
    FROM conversion_lines()
    WHERE asked AND near_range(event_time, date)
    GROUP BY ALL
),
-- The conversions that may be paid: what is void is settled, and robots' are unpaid.
decided AS MATERIALIZED (
    SELECT
        a.conversion_id,
        a.conversion_time,
        a.date,
        a.pixel_id,
        a.advertiser_id,
        a.user_id,
        a.order_id,
        a.value,
        a.server_side,
        a.outcome = 'attributed' AS attributed,
        a.line_item_id,
        a.booked_revenue,
        a.currency,
        a.conversion_type = 'post_click' AS after_click,
        epoch_us(a.conversion_time) - epoch_us(a.touch_time) AS age,
        CASE WHEN a.publisher_id IS NULL THEN 'tracker' ELSE 'publisher' END AS source_type,
        CAST(coalesce(a.publisher_id, a.tracker_id) AS VARCHAR) AS source,
        l.ip,
        l.edge
    FROM attributions AS a
    LEFT JOIN lines AS l ON l.event_id = a.conversion_id AND l.event_time = a.conversion_time
    WHERE asked
        AND near_range(a.conversion_time, a.date)
        AND coalesce(a.reason NOT IN ('voided', 'invalid_traffic'), true)
),
-- How many users have how many clicks on a date, clicks within a minute and touches
-- on a date, how many addresses how many users who click or convert; and who has more
-- than the limit.
histograms AS MATERIALIZED (
    SELECT 'clicks' AS measure, n, count(*) AS times, list({'date': date, 'subject': user_id}) FILTER (n > suspicion_limit('clicks_per_day', 50)) AS who
    FROM (
        SELECT date, user_id, count(*) AS n
        FROM seen_clicks
        WHERE user_id IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY n
    UNION ALL
    SELECT
        'clicks within a minute',
        n,
        count(*),
        list({'date': date, 'subject': user_id}) FILTER (n > suspicion_limit('clicks_per_minute', 15))
    FROM (
        SELECT date, user_id, count(*) AS n
        FROM seen_clicks
        WHERE user_id IS NOT NULL
        GROUP BY date, user_id, epoch_us(event_time) // 60000000
    )
    GROUP BY n
    UNION ALL
    SELECT 'touches', n, count(*), list({'date': date, 'subject': user_id}) FILTER (n > suspicion_limit('touches_per_day', 1000))
    FROM (
        SELECT date, user_id, count(*) AS n
        FROM (
            SELECT date, user_id
            FROM seen_impressions
            UNION ALL
            SELECT date, user_id
            FROM seen_clicks
        )
        WHERE user_id IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY n
    UNION ALL
    SELECT 'users', n, count(*), list({'date': date, 'subject': ip}) FILTER (n > suspicion_limit('users_per_day', 100))
    FROM (
        SELECT date, ip, count(DISTINCT user_id) AS n
        FROM actions
        WHERE ip IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY n
),
medians AS (
    SELECT measure, min(n) FILTER (so_far * 2 >= every) AS median
    FROM (
        SELECT
            measure,
            n,
            sum(times) OVER (PARTITION BY measure ORDER BY n) AS so_far,
            sum(times) OVER (PARTITION BY measure) AS every
        FROM histograms
    )
    GROUP BY measure
),
deviations AS (
    SELECT h.measure, abs(h.n - m.median) AS n, sum(h.times) AS times
    FROM histograms AS h
    JOIN medians AS m ON m.measure = h.measure
    GROUP BY ALL
),
-- The robust standard deviation is never less than that of a Poisson process.
bounds AS (
    SELECT
        m.measure,
        m.median,
        CAST(ceil(m.median + 3.5 * greatest(1.4826 * d.mad, sqrt(m.median))) AS BIGINT) AS bound
    FROM medians AS m
    JOIN (
        SELECT measure, min(n) FILTER (so_far * 2 >= every) AS mad
        FROM (
            SELECT
                measure,
                n,
                sum(times) OVER (PARTITION BY measure ORDER BY n) AS so_far,
                sum(times) OVER (PARTITION BY measure) AS every
            FROM deviations
        )
        GROUP BY measure
    ) AS d ON d.measure = m.measure
),
excess AS MATERIALIZED (
    SELECT
        h.measure,
        h.n,
        b.median,
        greatest(
            b.bound,
            CASE h.measure
                WHEN 'clicks' THEN suspicion_limit('clicks_per_day', 50)
                WHEN 'clicks within a minute' THEN suspicion_limit('clicks_per_minute', 15)
                WHEN 'touches' THEN suspicion_limit('touches_per_day', 1000)
                ELSE suspicion_limit('users_per_day', 100)
            END
        ) AS bound,
        unnest(h.who, recursive := true)
    FROM histograms AS h
    JOIN bounds AS b ON b.measure = h.measure
    WHERE h.who IS NOT NULL AND h.n > b.bound
),
busy_users AS (
    SELECT
        CASE measure WHEN 'touches' THEN 'heavy_user' ELSE 'click_flooding' END AS kind,
        subject,
        max(n) AS observed,
        median,
        bound,
        measure,
        arg_max(date, (n, date)) AS worst,
        count(DISTINCT date) AS days
    FROM excess
    WHERE measure <> 'users'
    GROUP BY measure, subject, median, bound
),
-- Of addresses with many users: do they click and convert far oftener than others'
-- users see ads? Behind a carrier's address they do not.
crowd_actions AS (
    SELECT date, CASE WHEN ip IN (SELECT subject FROM excess WHERE measure = 'users') THEN ip END AS ip, count(*) AS n
    FROM actions
    GROUP BY ALL
),
crowd_views AS (
    SELECT date, CASE WHEN ip IN (SELECT subject FROM excess WHERE measure = 'users') THEN ip END AS ip, count(*) AS n
    FROM seen_impressions
    GROUP BY ALL
),
crowds AS (
    SELECT
        e.subject,
        e.date,
        e.n AS observed,
        e.median,
        e.bound,
        a.n AS own_actions,
        coalesce(v.n, 0) AS own_views,
        all_actions.n - own_actions AS other_actions,
        coalesce(all_views.n, 0) - own_views AS other_views
    FROM excess AS e
    JOIN crowd_actions AS a ON a.date = e.date AND a.ip = e.subject
    JOIN (SELECT date, sum(n) AS n FROM crowd_actions GROUP BY date) AS all_actions ON all_actions.date = e.date
    LEFT JOIN crowd_views AS v ON v.date = e.date AND v.ip = e.subject
    LEFT JOIN (SELECT date, sum(n) AS n FROM crowd_views GROUP BY date) AS all_views ON all_views.date = e.date
    WHERE e.measure = 'users'
        AND own_actions * other_views >= 3 * other_actions * own_views
        -- an address that everything comes from is a proxy before the edge
        AND NOT (own_actions > other_actions AND own_views >= other_views)
),
crowded_addresses AS (
    SELECT
        subject,
        max(observed) AS observed,
        median,
        bound,
        arg_max(date, (observed, date)) AS worst,
        arg_max(own_actions, (observed, date)) AS own_actions,
        arg_max(own_views, (observed, date)) AS own_views,
        count(*) AS days
    FROM crowds
    GROUP BY subject, median, bound
),
-- What publishers, or trackers without one, earned by clicks, against the others
-- of the same line item.
earned AS (
    SELECT
        d.*,
        d.age < suspicion_limit('injection_seconds', 2) * 1000000
        AND coalesce(p.event_category NOT IN ('landing_page', 'item_view'), true) AS quick
    FROM decided AS d
    LEFT JOIN pixels AS p ON p.id = d.pixel_id
    WHERE d.attributed AND d.after_click
),
clicked AS (
    SELECT
        t.line_item_id,
        CASE WHEN t.publisher_id IS NULL THEN 'tracker' ELSE 'publisher' END AS source_type,
        CAST(coalesce(t.publisher_id, t.id) AS VARCHAR) AS source,
        sum(c.n) AS clicks
    FROM (SELECT tracker_id, count(*) AS n FROM seen_clicks GROUP BY tracker_id) AS c
    JOIN trackers AS t ON t.id = c.tracker_id
    GROUP BY ALL
),
sources AS (
    SELECT
        *,
        sum(n) OVER of_item - n AS other_n,
        sum(quick) OVER of_item - quick AS other_quick,
        sum(early) OVER of_item - early AS other_early,
        sum(clicks) OVER of_item - clicks AS other_clicks
    FROM (
        SELECT
            coalesce(e.line_item_id, c.line_item_id) AS line_item_id,
            coalesce(e.source_type, c.source_type) AS source_type,
            coalesce(e.source, c.source) AS source,
            coalesce(e.n, 0) AS n,
            coalesce(e.quick, 0) AS quick,
            coalesce(e.early, 0) AS early,
            coalesce(c.clicks, 0) AS clicks
        FROM (
            SELECT
                line_item_id,
                source_type,
                source,
                count(*) AS n,
                count(*) FILTER (WHERE quick) AS quick,
                count(*) FILTER (WHERE age <= 86400000000) AS early
            FROM earned
            GROUP BY ALL
        ) AS e
        FULL JOIN clicked AS c
            ON c.line_item_id = e.line_item_id AND c.source_type = e.source_type AND c.source = e.source
    )
    WINDOW of_item AS (PARTITION BY line_item_id)
),
injecting AS (
    SELECT *
    FROM sources
    WHERE quick >= 3 AND quick * 20 >= n AND quick * other_n >= 3 * other_quick * n
),
flooding AS (
    SELECT *
    FROM sources
    WHERE n >= 20
        AND other_n >= 20
        AND early * other_n * 2 <= other_early * n
        AND n * other_early / other_n - early >= 3.5 * sqrt(n * other_early / other_n)
        AND n * other_clicks * 3 <= other_n * clicks
),
-- Values far above the pixel's own, on the logarithm, as prices are spread.
typical AS (
    SELECT pixel_id, count(*) AS n, quantile_disc(value, 0.5) AS median
    FROM decided
    WHERE value > 0 AND pixel_id IS NOT NULL
    GROUP BY pixel_id
    HAVING count(*) >= 50
),
spread AS (
    SELECT t.pixel_id, t.n, t.median, greatest(1.4826 * median(abs(log_of(d.value) - log_of(t.median))), 0.1) AS deviation
    FROM decided AS d
    JOIN typical AS t ON t.pixel_id = d.pixel_id
    WHERE d.value > 0
    GROUP BY ALL
),
outliers AS (
    SELECT d.conversion_id, d.value, s.n, s.median
    FROM decided AS d
    JOIN spread AS s ON s.pixel_id = d.pixel_id
    WHERE d.value > s.median * suspicion_limit('value_times', 50)
        AND log_of(d.value) - log_of(s.median) > 3.5 * s.deviation
),
-- Orders whose ids end in a number.
orders AS MATERIALIZED (
    SELECT
        pixel_id,
        conversion_id,
        conversion_time,
        user_id,
        ip,
        regexp_extract(order_id, '(?s)^(.*?)[0-9]{1,17}$', 1) AS prefix,
        TRY_CAST(regexp_extract(order_id, '(?s)^.*?([0-9]{1,17})$', 1) AS BIGINT) AS number
    FROM decided
    WHERE NOT server_side AND pixel_id IS NOT NULL AND number IS NOT NULL
),
steps AS (
    SELECT
        pixel_id,
        prefix,
        who_type,
        who,
        number,
        micros,
        coalesce(
            number - lag(number) OVER one_who = 1
            AND abs(micros - lag(micros) OVER one_who) <= 3600000000,
            false
        ) AS goes_on
    FROM (
        SELECT pixel_id, prefix, who_type, who, number, min(epoch_us(conversion_time)) AS micros
        FROM (
            SELECT pixel_id, prefix, 'user' AS who_type, user_id AS who, number, conversion_time
            FROM orders
            UNION ALL
            SELECT pixel_id, prefix, 'address', ip, number, conversion_time
            FROM orders
        )
        WHERE who IS NOT NULL
        GROUP BY ALL
    )
    WINDOW one_who AS (PARTITION BY pixel_id, prefix, who_type, who ORDER BY number)
),
runs AS (
    SELECT pixel_id, prefix, who_type, who, run, min(number) AS first_number, max(number) AS last_number, count(*) AS n
    FROM (
        SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER (PARTITION BY pixel_id, prefix, who_type, who ORDER BY number) AS run
        FROM steps
    )
    GROUP BY ALL
    HAVING count(*) >= suspicion_limit('orders_in_sequence', 5) * CASE who_type WHEN 'user' THEN 1 ELSE 2 END
),
pixel_orders AS (
    SELECT
        pixel_id,
        prefix,
        count(DISTINCT number) AS n,
        count(DISTINCT user_id) AS users,
        min(number) AS first_number,
        max(number) AS last_number
    FROM orders
    GROUP BY ALL
),
-- Of an address only where several users have it and most of the pixel's orders are
-- of others: a shop whose customers all come by one address numbers their orders too.
sequences AS (
    SELECT DISTINCT r.who_type AS subject_type, r.who AS subject, r.n AS observed, r.pixel_id, o.conversion_id,
        shown(r.prefix) || r.first_number || ' to ' || shown(r.prefix) || r.last_number || ', ' || r.n || ' order ids in sequence, each within an hour of the one before' AS what
    FROM runs AS r
    JOIN orders AS o
        ON o.pixel_id = r.pixel_id
        AND o.prefix = r.prefix
        AND o.number BETWEEN r.first_number AND r.last_number
        AND CASE r.who_type WHEN 'user' THEN o.user_id ELSE o.ip END = r.who
    JOIN (SELECT pixel_id, ip, sum(count(*)) OVER (PARTITION BY pixel_id) AS every, count(*) AS own FROM orders GROUP BY pixel_id, ip) AS a
        ON a.pixel_id = o.pixel_id AND a.ip IS NOT DISTINCT FROM o.ip
    WHERE CASE r.who_type WHEN 'user' THEN a.every >= 20 ELSE a.own * 2 <= a.every END
),
findings AS (
    SELECT
        b.kind,
        'user' AS subject_type,
        b.subject,
        b.observed,
        b.median AS norm,
        b.bound,
        b.observed || ' ' || b.measure || ' on ' || b.worst || CASE WHEN b.days > 1 THEN ', one of ' || b.days || ' such dates' ELSE '' END
        || '; the median user with any has ' || b.median || ', and up to ' || b.bound || ' are no finding' AS what,
        d.conversion_id
    FROM busy_users AS b
    LEFT JOIN decided AS d ON d.user_id = b.subject
    UNION ALL
    SELECT
        'crowded_address',
        'address',
        a.subject,
        a.observed,
        a.median,
        a.bound,
        a.observed || ' users click or convert on ' || a.worst || CASE WHEN a.days > 1 THEN ', one of ' || a.days || ' such dates' ELSE '' END
        || '; the median address with any has ' || a.median || ', and up to ' || a.bound || ' are no finding; '
        || a.own_actions || ' clicks and conversions to ' || a.own_views || ' impressions',
        d.conversion_id
    FROM crowded_addresses AS a
    LEFT JOIN (SELECT DISTINCT d.ip, d.conversion_id FROM decided AS d JOIN crowds AS c ON c.subject = d.ip AND c.date = d.date WHERE NOT d.server_side) AS d
        ON d.ip = a.subject
    UNION ALL
    SELECT
        'click_injection',
        i.source_type,
        i.source,
        i.quick,
        quotient(i.other_quick * 1000000 * i.n, CAST(i.other_n AS BIGINT)),
        NULL,
        i.quick || ' of ' || i.n || ' conversions came within ' || suspicion_limit('injection_seconds', 2) || ' seconds of the click; of the others'' on the line item '
        || i.other_quick || ' of ' || i.other_n,
        e.conversion_id
    FROM injecting AS i
    JOIN earned AS e ON e.line_item_id = i.line_item_id AND e.source_type = i.source_type AND e.source = i.source AND e.quick
    UNION ALL
    SELECT
        'click_flooding',
        f.source_type,
        f.source,
        f.early,
        quotient(f.other_early * 1000000 * f.n, CAST(f.other_n AS BIGINT)),
        NULL,
        f.early || ' of ' || f.n || ' conversions came within 24 hours of the click, of the others'' on the line item ' || f.other_early || ' of ' || f.other_n
        || '; ' || f.clicks || ' clicks, the others'' ' || f.other_clicks,
        e.conversion_id
    FROM flooding AS f
    JOIN earned AS e ON e.line_item_id = f.line_item_id AND e.source_type = f.source_type AND e.source = f.source
    UNION ALL
    SELECT
        'value_outlier',
        'conversion',
        conversion_id,
        value,
        median,
        median * suspicion_limit('value_times', 50),
        'the value is ' || rtrim(rtrim(CAST(value AS VARCHAR), '0'), '.') || ', where the median of ' || n || ' is ' || rtrim(rtrim(CAST(median AS VARCHAR), '0'), '.'),
        conversion_id
    FROM outliers
    UNION ALL
    SELECT 'sequential_orders', subject_type, subject, observed, NULL, NULL, what, conversion_id
    FROM sequences
    UNION ALL
    SELECT
        'sequential_orders',
        'pixel',
        CAST(p.pixel_id AS VARCHAR),
        p.n,
        NULL,
        NULL,
        p.n || ' of the ' || (p.last_number - p.first_number + 1) || ' order ids from ' || shown(p.prefix) || p.first_number || ' to ' || shown(p.prefix) || p.last_number || ', of ' || p.users || ' users',
        o.conversion_id
    FROM pixel_orders AS p
    JOIN orders AS o ON o.pixel_id = p.pixel_id AND o.prefix = p.prefix
    WHERE p.n >= 20
        AND p.users > 0
        AND p.users * 5 <= p.n
        AND (p.last_number - p.first_number + 1) * 9 <= p.n * 10
)
SELECT
    f.kind,
    f.subject_type,
    f.subject,
    f.what,
    TRY_CAST(f.observed AS DECIMAL(18, 6)) AS observed,
    TRY_CAST(f.norm AS DECIMAL(18, 6)) AS norm,
    TRY_CAST(f.bound AS DECIMAL(18, 6)) AS bound,
    d.conversion_id,
    d.conversion_time,
    d.date,
    d.edge,
    d.pixel_id,
    d.advertiser_id,
    d.line_item_id,
    d.attributed,
    d.booked_revenue,
    d.currency
FROM findings AS f
LEFT JOIN decided AS d ON d.conversion_id = f.conversion_id;
