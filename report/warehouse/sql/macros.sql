-- Events are not copied: these read them where they are, given the lake's
-- folder. Each stands by itself, without calling another, so that they work
-- also in a database that has the warehouse attached under some other name.
CREATE MACRO events_at(lake) AS TABLE
SELECT *
FROM read_parquet(
    lake || '/events/type=*/date=*/*.parquet',
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

CREATE MACRO impressions_at(lake) AS TABLE
SELECT *
FROM read_parquet(
    lake || '/events/type=impression/date=*/*.parquet',
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

CREATE MACRO clicks_at(lake) AS TABLE
SELECT *
FROM read_parquet(
    lake || '/events/type=click/date=*/*.parquet',
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

-- Of several lines with one id the first, as in the view conversions
-- (schemas/lakedb/views.sql); a test holds the two together.
CREATE MACRO conversions_at(lake) AS TABLE
SELECT *
FROM read_parquet(
    lake || '/events/type=conversion/date=*/*.parquet',
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

-- /seg, and the conversions that put a user in or out of segments.
CREATE MACRO segment_events_at(lake) AS TABLE
WITH conversions AS (
    SELECT *
    FROM read_parquet(
        lake || '/events/type=conversion/date=*/*.parquet',
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
    ) = 1
)
SELECT *
FROM read_parquet(
    lake || '/events/type=segment/date=*/*.parquet',
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

COMMENT ON MACRO TABLE events_at IS 'All events of the lake in that folder, where they are: SELECT * FROM events_at(''/data/lake'')';
COMMENT ON MACRO TABLE impressions_at IS 'The impressions of the lake in that folder, invalid ones too';
COMMENT ON MACRO TABLE clicks_at IS 'The clicks of the lake in that folder, invalid ones too';
COMMENT ON MACRO TABLE conversions_at IS 'The conversions of the lake in that folder: of several lines with one id the first';
COMMENT ON MACRO TABLE segment_events_at IS 'What puts users in and out of segments, in the lake in that folder: /seg and conversions';
