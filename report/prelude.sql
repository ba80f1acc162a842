-- What every report finds on its connection, beside the views and the
-- catalog's tables. The values are bound in Go, where periods are computed:
-- one set of zone rules both cuts the range and names the hours in it.

-- The spans of time that a report covers, each within one offset from UTC:
-- a row belongs to the report when a span of its zone holds its time.
CREATE OR REPLACE TEMP TABLE report_spans (
    zone INTEGER,               -- 0: the report's own; others by report_zones
    first TIMESTAMP WITH TIME ZONE,
    until TIMESTAMP WITH TIME ZONE,
    began TIMESTAMP WITH TIME ZONE, -- when this offset came into force
    offset_seconds BIGINT       -- local time minus UTC
);

-- Advertisers whose rows are counted by a zone of their own.
CREATE OR REPLACE TEMP TABLE report_zones (advertiser_id BIGINT, zone INTEGER);

-- What a report names in its header as its needs, else empty. The account of
-- lines by edge and UTC date:
CREATE OR REPLACE TEMP TABLE report_account (
    edge VARCHAR,
    date DATE,
    events BIGINT,
    rejects BIGINT,
    ignored BIGINT,
    not_counted BIGINT,
    bots BIGINT,
    unreplaced_macros BIGINT,
    max_skew_micros BIGINT
);

-- a row for each open gap and UTC date that it touches;
CREATE OR REPLACE TEMP TABLE report_gaps (source VARCHAR, date DATE);

-- and what people see of the state of each of the catalog's pixels now.
CREATE OR REPLACE TEMP TABLE report_pixels (pixel_id BIGINT, status VARCHAR, why VARCHAR);

-- Every line of a conversion, those that repeat an id too.
CREATE OR REPLACE TEMP MACRO conversion_lines() AS TABLE
SELECT *
FROM read_parquet(
    getvariable('conversion_files'),
    hive_partitioning = true,
    hive_types = {'type': VARCHAR, 'date': DATE}
);

-- The conversion lines whose id is repeated: those of some dates, half-open, and
-- earlier ones; a later line never counts before one of these. Ids are told by a
-- short hash, so a few lines may be there whose id is not repeated.
CREATE OR REPLACE TEMP MACRO repeated_lines(first_date, until_date) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT hash(event_id) AS id, count(*) AS times
    FROM conversion_lines()
    WHERE date >= first_date AND date < until_date
    GROUP BY hash(event_id)
),
earlier AS MATERIALIZED (
    SELECT event_id, event_time, source_offset, edge, date
    FROM conversion_lines()
    WHERE date < first_date AND hash(event_id) IN (SELECT id FROM asked)
),
repeated AS MATERIALIZED (
    SELECT id FROM asked WHERE times > 1
    UNION
    SELECT hash(event_id) FROM earlier
)
SELECT event_id, event_time, source_offset, edge, date
FROM earlier
UNION ALL
SELECT event_id, event_time, source_offset, edge, date
FROM conversion_lines()
WHERE date >= first_date AND date < until_date AND hash(event_id) IN (FROM repeated);

-- What is shown of the view conversions, where the time is in a half-open range.
-- The view looks for the line that counts by all columns of all lines; most ids
-- have one line, and of nearly all others the first is told by time and offset.
CREATE OR REPLACE TEMP MACRO conversions_between(first_time, until_time) AS TABLE
WITH placed AS MATERIALIZED (
    SELECT
        event_id,
        event_time,
        source_offset,
        rank() OVER (PARTITION BY event_id ORDER BY event_time, source_offset) AS place
    FROM repeated_lines(CAST(first_time AS DATE), CAST(until_time AS DATE) + 1)
),
tied AS MATERIALIZED (
    SELECT event_id
    FROM placed
    WHERE place = 1
    GROUP BY event_id
    HAVING count(*) > 1
),
dropped AS (
    SELECT event_id, event_time, source_offset
    FROM placed
    WHERE place > 1 OR event_id IN (FROM tied)
),
chosen AS (
    SELECT event_id, event_time, pixel_id, pixel_code, member_id, user_id, order_id, value, other, server_side, referer, host
    FROM conversion_lines() AS l
    ANTI JOIN dropped AS d
        ON d.event_id = l.event_id
        AND d.event_time = l.event_time
        AND d.source_offset = l.source_offset
    WHERE l.date >= CAST(first_time AS DATE) AND l.date <= CAST(until_time AS DATE)
    UNION ALL
    (
        SELECT event_id, event_time, pixel_id, pixel_code, member_id, user_id, order_id, value, other, server_side, referer, host
        FROM conversion_lines()
        WHERE event_id IN (FROM tied)
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
)
SELECT *
FROM chosen
WHERE event_time >= first_time AND event_time < until_time;

-- Every load of a pixel: a code means the pixel where no id was sent, and the
-- member is the catalog's. In two parts, because most files have no code at all,
-- and say so in their statistics.
CREATE OR REPLACE TEMP MACRO pixel_loads() AS TABLE
SELECT pixel_id, event_time, date, referer
FROM conversion_lines()
WHERE pixel_id IS NOT NULL
UNION ALL
SELECT p.id, l.event_time, l.date, l.referer
FROM conversion_lines() AS l
JOIN pixels AS p ON p.code = l.pixel_code
WHERE l.pixel_id IS NULL AND l.member_id = getvariable('member_id');

-- Whether the report is by this column.
CREATE OR REPLACE TEMP MACRO is_by(name) AS list_contains(getvariable('report_by'), name);

-- Whether a row with this value of a column passes the filters: any of the
-- values given for the column, the empty one standing for null. Times are given
-- as microseconds since 1970.
CREATE OR REPLACE TEMP MACRO passes(name, val) AS
    getvariable('report_filters')[name] IS NULL
    OR list_contains(getvariable('report_filters')[name], coalesce(CAST(val AS VARCHAR), ''));

-- Whether a row with this id may pass the filters: of one id a plain comparison. It
-- lets the reader leave out rows before it decodes their other columns; passes
-- decides.
CREATE OR REPLACE TEMP MACRO near_filter(name, id) AS
    CASE
        WHEN len(getvariable('report_filters')[name]) = 1 AND getvariable('report_filters')[name][1] <> ''
            THEN id = TRY_CAST(getvariable('report_filters')[name][1] AS BIGINT)
        ELSE true
    END;

-- Whether rows must be told apart by an id: the report is by it, or its name
-- chooses among them.
CREATE OR REPLACE TEMP MACRO tells(id, name) AS
    is_by(id) OR getvariable('report_filters')[name] IS NOT NULL;

-- The value of one of the report's own parameters, as text; null where it was
-- not given.
CREATE OR REPLACE TEMP MACRO param(name) AS getvariable('report_params')[name];

-- How far outside the range a report looks, where it has --time-tolerance.
CREATE OR REPLACE TEMP MACRO margin() AS
    to_microseconds(coalesce(CAST(getvariable('report_params')['time_tolerance'] AS BIGINT), 0));

-- The value that a column is filtered by, null where it is none or several.
CREATE OR REPLACE TEMP MACRO only_filter(name) AS
    CASE
        WHEN len(getvariable('report_filters')[name]) = 1
            THEN nullif(getvariable('report_filters')[name][1], '')
    END;

-- Whether a time may be in the report's range in any of its zones. It lets the
-- reader leave out files and row groups; the spans decide.
CREATE OR REPLACE TEMP MACRO near_range(moment, on_date) AS
    moment >= getvariable('report_first')
    AND moment < getvariable('report_until')
    AND on_date >= CAST(getvariable('report_first') AS DATE)
    AND on_date <= CAST(getvariable('report_until') AS DATE);

-- The hour that a time is in, as the instant at which it begins: the hour that
-- autumn repeats is two hours, and a shift within an hour begins another.
CREATE OR REPLACE TEMP MACRO hour_of(moment, offset_seconds, began) AS
    greatest(
        make_timestamptz(epoch_us(moment) - (epoch_us(moment) + offset_seconds * 1000000) % 3600000000),
        began
    );

-- The local date of a time.
CREATE OR REPLACE TEMP MACRO day_of(moment, offset_seconds) AS
    DATE '1970-01-01' + CAST((epoch_us(moment) + offset_seconds * 1000000) // 86400000000 AS INTEGER);

-- The local month of a time: 2026-03.
CREATE OR REPLACE TEMP MACRO month_of(moment, offset_seconds) AS strftime(day_of(moment, offset_seconds), '%Y-%m');

-- Money as an exact count of millionths.
CREATE OR REPLACE TEMP MACRO millionths(amount) AS CAST(amount * 1000000 AS HUGEINT);

-- A count of millionths as DECIMAL(18,6); null where it does not fit one. What fits
-- fits BIGINT too, which is many times as fast as HUGEINT.
CREATE OR REPLACE TEMP MACRO from_millionths(n) AS
    TRY_CAST(
        TRY_CAST(TRY_CAST(n AS BIGINT) // 1000000 AS DECIMAL(18, 6))
        + CAST(TRY_CAST(n AS BIGINT) % 1000000 AS DECIMAL(7, 0)) * CAST(0.000001 AS DECIMAL(7, 6))
        AS DECIMAL(18, 6)
    );

-- The quotient of a whole number of millionths and a count, as DECIMAL(18,6),
-- half away from zero, null where the count is 0. All in integers: DuckDB's /
-- gives DOUBLE, on decimals too. In BIGINT where it can't overflow, which is nearly
-- everywhere and much faster than in HUGEINT.
CREATE OR REPLACE TEMP MACRO quotient(n, divisor) AS
    CASE
        WHEN divisor = 0 THEN NULL
        WHEN abs(n) <= 4000000000000000000 AND divisor <= 1000000000000000000
            THEN from_millionths(
                sign(n) * ((2 * abs(TRY_CAST(n AS BIGINT)) + TRY_CAST(divisor AS BIGINT)) // (2 * TRY_CAST(divisor AS BIGINT)))
            )
        WHEN divisor <> 0
            THEN from_millionths(sign(n) * ((2 * abs(CAST(n AS HUGEINT)) + divisor) // (2 * CAST(divisor AS HUGEINT))))
    END;
