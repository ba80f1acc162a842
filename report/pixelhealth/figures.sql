-- The figures of the catalog's pixels from which their health is judged: one row a
-- pixel, its figures as one JSON document, and one row without a pixel for calls
-- that mean none. Times in it are microseconds since 1970. What they mean and what
-- they are compared with stands in docs/pixel-health.md.
--
-- Bound before: health_now, the time that counts as now; health_until, the last
-- event that the lake has up to now, from which windows reach back; health_ids, the
-- pixels asked for, null for all; health_pages, whether their pages are wanted;
-- health_few, from how many loads a day is enough to judge by; health_test_hosts,
-- what hosts of tests look like.

-- Every line of a conversion of the last eight days is a load, as in the report
-- pixel_fired. Only files of these dates are read, and for each use of the loads only
-- the columns that it needs.
WITH recent AS NOT MATERIALIZED (
    SELECT
        *,
        epoch_us(getvariable('health_until')) - epoch_us(event_time) AS age
    FROM events
    WHERE type = 'conversion'
        AND date >= CAST(getvariable('health_until') - INTERVAL 8 DAY AS DATE)
        AND event_time > getvariable('health_until') - INTERVAL 8 DAY
        AND event_time <= getvariable('health_now')
),
-- A code means the pixel where no id was sent, and the member is the catalog's.
loads AS NOT MATERIALIZED (
    SELECT coalesce(r.pixel_id, p.id) AS pixel, r.*
    FROM recent AS r
    LEFT JOIN pixels AS p
        ON r.pixel_id IS NULL
        AND p.code = r.pixel_code
        AND r.member_id = getvariable('member_id')
),
asked AS (
    SELECT id, name, advertiser_id
    FROM pixels
    WHERE getvariable('health_ids') IS NULL OR list_contains(getvariable('health_ids'), id)
),
-- Loads by windows of 24 hours back from the last event (0: the newest), and in the
-- last 12 and 3 hours of each.
counted AS MATERIALIZED (
    SELECT
        pixel,
        greatest(age, 0) // 86400000000 AS days_back,
        date,
        count(*) AS loads_24,
        count(*) FILTER (WHERE greatest(age, 0) % 86400000000 < 43200000000) AS loads_12,
        count(*) FILTER (WHERE greatest(age, 0) % 86400000000 < 10800000000) AS loads_3,
        count(*) FILTER (WHERE event_time > getvariable('health_now') - INTERVAL 12 HOUR) AS loads_now,
        max(event_time) AS last_fired
    FROM loads
    GROUP BY ALL
),
fired AS (
    SELECT
        pixel,
        max(last_fired) AS last_fired,
        CAST(sum(loads_now) AS BIGINT) AS loads_now,
        CAST(coalesce(sum(loads_24) FILTER (WHERE days_back = 0), 0) AS BIGINT) AS loads_day
    FROM counted
    GROUP BY pixel
),
-- Of pixels that did not fire for eight days what is older is read, and of no others:
-- in two parts, because most files have no code at all, and say so in their statistics.
quiet AS (
    SELECT id
    FROM asked
    WHERE id NOT IN (SELECT pixel FROM fired WHERE pixel IS NOT NULL)
),
earlier AS (
    SELECT pixel, max(event_time) AS last_fired, count(*) AS loads
    FROM (
        SELECT pixel_id AS pixel, event_time
        FROM events
        WHERE type = 'conversion'
            AND date <= CAST(getvariable('health_until') - INTERVAL 8 DAY AS DATE)
            AND event_time <= getvariable('health_until') - INTERVAL 8 DAY
            AND pixel_id IN (FROM quiet)
        UNION ALL
        SELECT p.id, e.event_time
        FROM events AS e
        JOIN pixels AS p ON p.code = e.pixel_code
        WHERE e.type = 'conversion'
            AND e.date <= CAST(getvariable('health_until') - INTERVAL 8 DAY AS DATE)
            AND e.event_time <= getvariable('health_until') - INTERVAL 8 DAY
            AND e.pixel_id IS NULL
            AND e.member_id = getvariable('member_id')
            AND p.id IN (FROM quiet)
    )
    GROUP BY pixel
),
-- What loads bring is judged by the last day, where it has enough of them, else by
-- the last seven.
judged AS MATERIALIZED (
    SELECT
        l.pixel,
        l.event_id,
        l.event_time,
        l.age,
        l.user_id,
        l.order_id,
        l.value,
        nullif(l.value_text, '') AS value_text,
        l.other,
        l.referer,
        l.invalid_reason IS NULL AS valid,
        l.consent = 'denied' AS denied,
        coalesce(l.server_side, false) AS server_side,
        CASE WHEN l.server_side THEN NULL WHEN l.params['t'] = '1' THEN 'js' ELSE 'img' END AS form
    FROM loads AS l
    JOIN asked AS a ON a.id = l.pixel
    JOIN fired AS f ON f.pixel = l.pixel
    WHERE l.age < CASE WHEN f.loads_day >= getvariable('health_few') THEN 86400000000 ELSE 604800000000 END
),
contents AS (
    SELECT
        pixel,
        count(*) AS loads,
        count(*) FILTER (WHERE valid) AS valid,
        count(*) FILTER (WHERE denied) AS denied,
        count(*) FILTER (WHERE server_side) AS server_side,
        count(*) FILTER (WHERE valid AND order_id <> '') AS with_order,
        count(*) FILTER (WHERE valid AND value_text IS NOT NULL) AS with_value,
        count(*) FILTER (WHERE valid AND value_text IS NOT NULL AND value IS NULL) AS bad_value,
        count(*) FILTER (WHERE valid AND value = 0) AS zero_value,
        count(*) FILTER (WHERE valid AND length(order_id) > 36) AS long_order,
        count(*) FILTER (WHERE valid AND length(other) > 30) AS long_other,
        count(*) FILTER (WHERE valid AND NOT denied AND NOT server_side) AS browsers,
        count(*) FILTER (WHERE valid AND NOT denied AND NOT server_side AND user_id IS NULL) AS no_user,
        count(*) FILTER (WHERE valid AND referer IS NOT NULL) AS with_page,
        count(*) FILTER (WHERE valid AND starts_with(lower(referer), 'http://')) AS http_page,
        count(*) FILTER (WHERE valid AND form = 'img') AS images,
        count(*) FILTER (WHERE valid AND form = 'js') AS scripts
    FROM judged
    GROUP BY pixel
),
-- Values that are no numbers, the most frequent first.
bad_values AS (
    SELECT pixel, list(left(value_text, 60) ORDER BY n DESC, value_text) AS examples
    FROM (
        SELECT pixel, value_text, count(*) AS n
        FROM judged
        WHERE valid AND value_text IS NOT NULL AND value IS NULL
        GROUP BY pixel, value_text
        QUALIFY row_number() OVER (PARTITION BY pixel ORDER BY n DESC, value_text) <= 3
    )
    GROUP BY pixel
),
orders AS (
    SELECT
        pixel,
        count(*) AS orders,
        count(*) FILTER (WHERE loads > 1) AS repeated,
        max(loads) AS top_loads,
        arg_max(order_id, (loads, order_id)) AS top_order,
        arg_max(users, (loads, order_id)) AS top_users
    FROM (
        SELECT pixel, order_id, count(DISTINCT event_id) AS loads, count(DISTINCT user_id) AS users
        FROM judged
        WHERE valid AND order_id <> ''
        GROUP BY ALL
    )
    GROUP BY pixel
),
-- Loads of one user and pixel within ten seconds of the one before.
doubles AS (
    SELECT
        pixel,
        count(*) AS loads,
        count(*) FILTER (WHERE gap <= 10000000) AS near,
        count(*) FILTER (WHERE gap <= 10000000 AND form <> form_before) AS other_form
    FROM (
        SELECT
            pixel,
            form,
            epoch_us(event_time) - lag(epoch_us(event_time)) OVER one_user AS gap,
            lag(form) OVER one_user AS form_before
        FROM judged
        WHERE valid AND NOT server_side AND user_id IS NOT NULL
        WINDOW one_user AS (PARTITION BY pixel, user_id ORDER BY event_time, event_id)
    )
    GROUP BY pixel
),
-- The hosts of the pages of the last day, and how often they stood there before.
page_hosts AS (
    SELECT
        pixel,
        lower(regexp_extract(referer, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#:]*)', 1)) AS host,
        count(*) FILTER (WHERE age < 86400000000) AS loads,
        count(*) FILTER (WHERE age >= 86400000000) AS before
    FROM loads
    WHERE referer IS NOT NULL AND invalid_reason IS NULL AND pixel IN (SELECT id FROM asked)
    GROUP BY ALL
),
hosts AS (
    SELECT
        pixel,
        CAST(sum(before) AS BIGINT) AS loads_before,
        list(
            {'host': left(host, 100), 'loads': loads, 'before': before, 'test': test}
            ORDER BY test DESC, loads DESC, host
        ) FILTER (WHERE loads > 0 AND place <= 20) AS hosts
    FROM (
        SELECT
            *,
            regexp_matches(host, getvariable('health_test_hosts')) AS test,
            row_number() OVER (PARTITION BY pixel ORDER BY regexp_matches(host, getvariable('health_test_hosts')) DESC, loads DESC, host) AS place
        FROM page_hosts
        WHERE host <> ''
    )
    GROUP BY pixel
),
-- What became of the conversions of the last seven days.
reasons AS (
    SELECT
        pixel_id AS pixel,
        CAST(sum(n) AS BIGINT) AS conversions,
        CAST(coalesce(sum(n) FILTER (WHERE outcome = 'attributed'), 0) AS BIGINT) AS attributed,
        arg_max(reason, (n, reason)) FILTER (WHERE reason IS NOT NULL) AS top_reason,
        max(n) FILTER (WHERE reason IS NOT NULL) AS top_conversions
    FROM (
        SELECT pixel_id, outcome, reason, count(*) AS n
        FROM attributions
        WHERE date >= CAST(getvariable('health_until') - INTERVAL 7 DAY AS DATE)
            AND conversion_time > getvariable('health_until') - INTERVAL 7 DAY
            AND conversion_time <= getvariable('health_now')
        GROUP BY ALL
    )
    GROUP BY pixel_id
),
-- The pages of the past hour, else of the past day, the most frequent 25.
pages AS (
    SELECT pixel, hours, list({'url': url, 'loads': loads, 'last': epoch_us(last_load)} ORDER BY loads DESC, url) AS urls
    FROM (
        SELECT l.pixel, h.hours, l.referer AS url, count(*) AS loads, max(l.event_time) AS last_load
        FROM loads AS l
        JOIN asked AS a ON a.id = l.pixel
        CROSS JOIN (VALUES (1), (24)) AS h(hours)
        WHERE getvariable('health_pages')
            AND l.referer IS NOT NULL
            AND l.event_time > getvariable('health_now') - to_hours(h.hours)
        GROUP BY l.pixel, h.hours, l.referer
        QUALIFY row_number() OVER (PARTITION BY l.pixel, h.hours ORDER BY loads DESC, url) <= 25
    )
    GROUP BY pixel, hours
    QUALIFY row_number() OVER (PARTITION BY pixel ORDER BY hours) = 1
),
-- Calls of the last day that mean no pixel of the catalog.
strangers AS (
    SELECT l.pixel_id AS id, l.pixel_code AS code, l.member_id AS member, count(*) AS loads
    FROM loads AS l
    WHERE l.age < 86400000000
        AND l.invalid_reason IS NULL
        AND (l.pixel IS NULL OR l.pixel NOT IN (SELECT id FROM pixels))
    GROUP BY ALL
    ORDER BY loads DESC, id, code, member
    LIMIT 50
),
windows AS (
    SELECT
        pixel,
        list({'days_back': days_back, 'loads_24': loads_24, 'loads_12': loads_12, 'loads_3': loads_3} ORDER BY days_back) AS windows
    FROM (
        SELECT
            pixel,
            days_back,
            CAST(sum(loads_24) AS BIGINT) AS loads_24,
            CAST(sum(loads_12) AS BIGINT) AS loads_12,
            CAST(sum(loads_3) AS BIGINT) AS loads_3
        FROM counted
        GROUP BY ALL
    )
    GROUP BY pixel
),
dates AS (
    SELECT pixel, list({'date': CAST(date AS VARCHAR), 'loads': loads} ORDER BY date) AS dates
    FROM (SELECT pixel, date, CAST(sum(loads_24) AS BIGINT) AS loads FROM counted GROUP BY ALL)
    GROUP BY pixel
)
SELECT
    a.id,
    CAST(to_json({
        'last_fired': epoch_us(coalesce(f.last_fired, e.last_fired)),
        'loads_now': coalesce(f.loads_now, 0),
        'loads_day': coalesce(f.loads_day, 0),
        'loads_earlier': coalesce(e.loads, 0),
        'windows': coalesce(w.windows, []),
        'dates': coalesce(d.dates, []),
        'contents': c,
        'bad_values': coalesce(b.examples, []),
        'orders': o,
        'doubles': n,
        'hosts': h,
        'reasons': r,
        'pages': p
    }) AS VARCHAR) AS figures
FROM asked AS a
LEFT JOIN fired AS f ON f.pixel = a.id
LEFT JOIN earlier AS e ON e.pixel = a.id
LEFT JOIN windows AS w ON w.pixel = a.id
LEFT JOIN dates AS d ON d.pixel = a.id
LEFT JOIN contents AS c ON c.pixel = a.id
LEFT JOIN bad_values AS b ON b.pixel = a.id
LEFT JOIN orders AS o ON o.pixel = a.id
LEFT JOIN doubles AS n ON n.pixel = a.id
LEFT JOIN hosts AS h ON h.pixel = a.id
LEFT JOIN reasons AS r ON r.pixel = a.id
LEFT JOIN pages AS p ON p.pixel = a.id
UNION ALL
SELECT NULL, CAST(to_json({'strangers': list({'id': id, 'code': left(code, 100), 'member': member, 'loads': loads})}) AS VARCHAR)
FROM strangers
ORDER BY id NULLS LAST;
