-- All touches that some conversions could mean: those of the same user, and
-- those that have the token which the conversion brought back, from the maximum
-- windows before the conversion to $6 minutes after it.
-- $1: the files of clicks and impressions. $2 to $5, a place for each
-- conversion: its id, its time (Unix microseconds), its user, and the token.
WITH sought AS (
    SELECT
        unnest($2::VARCHAR[]) AS conversion_id,
        make_timestamptz(unnest($3::BIGINT[])) AS conversion_time,
        unnest($4::VARCHAR[]) AS user_id,
        unnest($5::VARCHAR[]) AS token
),
touches AS NOT MATERIALIZED (
    SELECT
        type AS kind,
        event_id,
        event_time,
        tracker_id,
        token,
        user_id,
        consent,
        invalid_reason,
        edge,
        source_id,
        source_offset
    FROM read_parquet($1::VARCHAR[], hive_partitioning = true, hive_types = {'type': VARCHAR, 'date': DATE})
),
-- Three joins, each on a column as it stands in the files, so that DuckDB can
-- leave out what can't match. No touch is in two of them. Written down once for
-- all three, the touches would be every touch of 90 days, in memory.
met AS (
    SELECT s.conversion_id, s.conversion_time, t.*
    FROM touches AS t
    JOIN sought AS s ON s.token = t.token
    UNION ALL
    SELECT s.conversion_id, s.conversion_time, t.*
    FROM touches AS t
    JOIN sought AS s ON s.token = t.event_id
    WHERE coalesce(t.token, '') = ''
    UNION ALL
    SELECT s.conversion_id, s.conversion_time, t.*
    FROM touches AS t
    JOIN sought AS s ON s.user_id = t.user_id
    WHERE coalesce(nullif(t.token, ''), t.event_id) IS DISTINCT FROM s.token
)
SELECT
    conversion_id,
    kind,
    event_id,
    event_time,
    tracker_id,
    token,
    user_id,
    consent,
    invalid_reason,
    edge,
    source_id,
    source_offset
FROM met
WHERE event_time >= conversion_time - to_minutes(CASE WHEN kind = 'click' THEN 129600 ELSE 43200 END)
    AND event_time <= conversion_time + to_minutes($6)
ORDER BY event_time, event_id, source_offset, tracker_id, source_id;
