-- The views that `query` and the reports read. They name every column of the
-- lake from the first day on, since each dataset has an empty file.

CREATE VIEW events AS
SELECT *
FROM read_parquet(
    getvariable('event_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

CREATE VIEW impressions AS
SELECT *
FROM read_parquet(
    getvariable('impression_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

CREATE VIEW clicks AS
SELECT *
FROM read_parquet(
    getvariable('click_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

-- Several conversion lines with one id are one conversion: the first by time,
-- then the smallest by the columns named. Texts compare by their bytes. The
-- columns from member_id on tell lines apart that are equal in all the others,
-- so that which one counts never rests on the order of files.
CREATE VIEW conversions AS
SELECT *
FROM read_parquet(
    getvariable('conversion_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
)
QUALIFY row_number() OVER (
    PARTITION BY event_id
    ORDER BY
        event_time,
        source_offset,
        order_id NULLS FIRST,
        user_id NULLS FIRST,
        value_text NULLS FIRST,
        pixel_id NULLS FIRST,
        pixel_code NULLS FIRST,
        sspdata NULLS FIRST,
        other NULLS FIRST,
        member_id NULLS FIRST,
        invalid_reason NULLS FIRST,
        consent,
        server_side,
        referer NULLS FIRST,
        user_agent NULLS FIRST,
        ip NULLS FIRST,
        host NULLS FIRST,
        method,
        status
) = 1;

-- Events that put a user in or out of segments: /seg, and conversions that do.
CREATE VIEW segment_events AS
SELECT *
FROM read_parquet(
    getvariable('segment_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
)
UNION ALL
SELECT *
FROM conversions
WHERE segments_added IS NOT NULL
    OR segments_removed IS NOT NULL
    OR segment_codes_added IS NOT NULL
    OR segment_codes_removed IS NOT NULL;

-- Who is in which segment now: the last word on each user and segment counts,
-- and within one call a removal comes after an addition. Codes count where the
-- call names the catalog's member. Valid traffic with a user id alone, and what an
-- edge whose clock is ahead writes once its time has come.
CREATE VIEW segment_members AS
WITH calls AS (
    SELECT event_id, event_time, user_id, member_id, segments_added, segments_removed,
        segment_values, segment_codes_added, segment_codes_removed
    FROM segment_events
    WHERE user_id IS NOT NULL
        AND invalid_reason IS NULL
        AND consent <> 'denied'
        AND event_time <= getvariable('now')
),
-- What was said of each segment, by id or by code.
said AS (
    SELECT event_time, event_id, user_id, 0 AS step, true AS added,
        unnest(segments_added) AS segment_id,
        CAST(NULL AS VARCHAR) AS code,
        unnest(coalesce(segment_values, [NULL::BIGINT FOR x IN segments_added])) AS value
    FROM calls
    UNION ALL
    SELECT event_time, event_id, user_id, 0, true, NULL, unnest(segment_codes_added), NULL
    FROM calls
    WHERE member_id = getvariable('member_id')
    UNION ALL
    SELECT event_time, event_id, user_id, 1, false, unnest(segments_removed), NULL, NULL
    FROM calls
    UNION ALL
    SELECT event_time, event_id, user_id, 1, false, NULL, unnest(segment_codes_removed), NULL
    FROM calls
    WHERE member_id = getvariable('member_id')
),
words AS (
    SELECT event_time, event_id, user_id, step, added, segment_id, value
    FROM said
    WHERE segment_id IS NOT NULL
    UNION ALL
    SELECT w.event_time, w.event_id, w.user_id, w.step, w.added, s.id, w.value
    FROM said AS w
    JOIN segments AS s ON s.code = w.code
),
last_words AS (
    SELECT *
    FROM words
    QUALIFY row_number() OVER (
        PARTITION BY user_id, segment_id
        ORDER BY event_time DESC, event_id DESC, step DESC, value DESC NULLS LAST
    ) = 1
)
SELECT
    w.segment_id,
    w.user_id,
    w.event_time AS added_at,
    CASE WHEN s.expire_minutes > 0 THEN w.event_time + to_minutes(s.expire_minutes) END AS expires_at,
    w.value
FROM last_words AS w
LEFT JOIN segments AS s ON s.id = w.segment_id
WHERE w.added
    AND (s.expire_minutes IS NULL OR s.expire_minutes = 0 OR w.event_time + to_minutes(s.expire_minutes) > getvariable('now'));

CREATE VIEW rejects AS
SELECT *
FROM read_parquet(
    getvariable('reject_files'),
    hive_partitioning = true,
    hive_types = {'date': DATE}
);

CREATE VIEW attributions AS
SELECT *
FROM read_parquet(
    getvariable('attribution_files'),
    hive_partitioning = true,
    hive_types = {'date': DATE}
);

CREATE VIEW ledger AS
SELECT *
FROM read_parquet(
    getvariable('ledger_files'),
    hive_partitioning = true,
    hive_types = {'booked': DATE}
);

CREATE VIEW voids AS
SELECT *
FROM read_parquet(getvariable('void_files'));
