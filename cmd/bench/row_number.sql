-- What an analyst would run instead, the winners of one night's conversions:
-- candidates by a join with a range condition, then the first of each by
-- row_number. $1 are the lake's event files, $2 is the night, $3 how many days of
-- impressions are read, $4 the file of winners. Neither duplicates and repeats
-- nor money are decided, nor is `expired` told from `no_touch`.
COPY (
    WITH events AS NOT MATERIALIZED (
        SELECT *
        FROM read_parquet($1, hive_partitioning = true, hive_types = {'type': VARCHAR, 'date': DATE})
        WHERE invalid_reason IS NULL AND consent <> 'denied'
    ),
    touches AS NOT MATERIALIZED (
        SELECT
            type = 'click' AS is_click,
            event_id,
            event_time,
            source_offset,
            tracker_id,
            user_id,
            coalesce(nullif(token, ''), event_id) AS token
        FROM events
        WHERE type IN ('click', 'impression')
            AND (type = 'click' AND date >= $2::DATE - 90 OR type = 'impression' AND date >= $2::DATE - $3::INTEGER)
    ),
    conversions AS NOT MATERIALIZED (
        SELECT
            e.event_id AS conversion_id,
            e.event_time AS conversion_time,
            e.user_id,
            e.sspdata,
            e.event_time - p.click_window AS click_from,
            e.event_time - p.view_window AS view_from,
            t.tracker_id
        FROM events AS e
        JOIN pixels AS p ON p.pixel_id = e.pixel_id
        JOIN pixel_trackers AS t ON t.pixel_id = e.pixel_id
        WHERE e.type = 'conversion' AND e.date = $2::DATE
    ),
    candidates AS (
        SELECT c.conversion_id, t.*
        FROM conversions AS c
        JOIN touches AS t
            ON t.user_id = c.user_id
            AND t.tracker_id = c.tracker_id
            AND t.event_time <= c.conversion_time
            AND t.event_time >= CASE WHEN t.is_click THEN c.click_from ELSE c.view_from END
        WHERE c.sspdata IS NULL
        UNION ALL
        SELECT c.conversion_id, t.*
        FROM conversions AS c
        JOIN touches AS t
            ON t.token = c.sspdata
            AND t.tracker_id = c.tracker_id
            AND t.event_time <= c.conversion_time
            AND t.event_time >= CASE WHEN t.is_click THEN c.click_from ELSE c.view_from END
    )
    SELECT conversion_id, event_id AS touch_id, event_time AS touch_time, tracker_id
    FROM candidates
    QUALIFY row_number() OVER (
        PARTITION BY conversion_id
        ORDER BY is_click DESC, event_time DESC, event_id DESC, source_offset, tracker_id, user_id DESC
    ) = 1
) TO $4 (FORMAT parquet, COMPRESSION zstd);
