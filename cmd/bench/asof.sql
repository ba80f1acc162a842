-- What an analyst would run instead for many conversions: the touches of the
-- users who converted, then the last click and the last view before each
-- conversion and line item by ASOF. $1 are the lake's event files, $2 is the
-- newest day, $3 how many days of impressions are read before the month, $4 the
-- file of winners. Among touches of one instant the choice is the engine's.
COPY (
    WITH wanted AS MATERIALIZED (
        SELECT
            e.event_id AS conversion_id,
            e.event_time AS conversion_time,
            e.user_id,
            e.sspdata,
            e.event_time - p.click_window AS click_from,
            e.event_time - p.view_window AS view_from,
            t.tracker_id
        FROM read_parquet($1, hive_partitioning = true, hive_types = {'type': VARCHAR, 'date': DATE}) AS e
        JOIN pixels AS p ON p.pixel_id = e.pixel_id
        JOIN pixel_trackers AS t ON t.pixel_id = e.pixel_id
        WHERE e.type = 'conversion' AND e.date > $2::DATE - 30
            AND e.invalid_reason IS NULL AND e.consent <> 'denied'
    ),
    touches AS MATERIALIZED (
        SELECT type = 'click' AS is_click, event_id, event_time, tracker_id, user_id, coalesce(nullif(token, ''), event_id) AS token
        FROM read_parquet($1, hive_partitioning = true, hive_types = {'type': VARCHAR, 'date': DATE})
        WHERE type IN ('click', 'impression')
            AND (type = 'click' AND date > $2::DATE - 120 OR type = 'impression' AND date > $2::DATE - 30 - $3::INTEGER)
            AND invalid_reason IS NULL AND consent <> 'denied'
            AND (
                user_id IN (SELECT user_id FROM wanted WHERE user_id IS NOT NULL)
                OR coalesce(nullif(token, ''), event_id) IN (SELECT sspdata FROM wanted WHERE sspdata IS NOT NULL)
            )
    ),
    candidates AS (
        SELECT c.conversion_id, t.is_click, t.event_id, t.event_time, t.tracker_id
        FROM wanted AS c
        ASOF JOIN (SELECT * FROM touches WHERE is_click) AS t
            ON t.user_id = c.user_id AND t.tracker_id = c.tracker_id AND t.event_time <= c.conversion_time
        WHERE c.sspdata IS NULL AND t.event_time >= c.click_from
        UNION ALL
        SELECT c.conversion_id, t.is_click, t.event_id, t.event_time, t.tracker_id
        FROM wanted AS c
        ASOF JOIN (SELECT * FROM touches WHERE NOT is_click) AS t
            ON t.user_id = c.user_id AND t.tracker_id = c.tracker_id AND t.event_time <= c.conversion_time
        WHERE c.sspdata IS NULL AND t.event_time >= c.view_from
        UNION ALL
        SELECT c.conversion_id, t.is_click, t.event_id, t.event_time, t.tracker_id
        FROM wanted AS c
        JOIN touches AS t
            ON t.token = c.sspdata
            AND t.tracker_id = c.tracker_id
            AND t.event_time <= c.conversion_time
            AND t.event_time >= CASE WHEN t.is_click THEN c.click_from ELSE c.view_from END
    )
    SELECT conversion_id, event_id AS touch_id, event_time AS touch_time, tracker_id
    FROM candidates
    QUALIFY row_number() OVER (PARTITION BY conversion_id ORDER BY is_click DESC, event_time DESC, event_id DESC) = 1
) TO $4 (FORMAT parquet, COMPRESSION zstd);
