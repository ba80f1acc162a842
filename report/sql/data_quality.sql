-- @report data_quality
-- @doc The account of lines by source and date, and what was odd about them: lines = events + rejects + ignored + not_counted, in every row. The date is the UTC date of the line's readable time, of an event its own; of lines without one, the date of reading. The source is the one that a line was read for. The range chooses among those dates by their midnight, so its days are UTC's too, whatever the zone; without a range, or an end of it, it is over every date that a line gives, one before 2000 or to come too. A date that a gap touches has a row also where no line is of it.
-- @utc
-- @needs account gaps suspicions
-- @column source VARCHAR: name of the source, else the log file's base name
-- @column date DATE: UTC date
-- @column lines BIGINT: lines read; blank lines and headers are none
-- @column events BIGINT: lines that are events
-- @column rejects BIGINT: lines that could not be read
-- @column ignored BIGINT: requests for other paths, and lines before the source's `from`
-- @column not_counted BIGINT: requests for the edge's paths that are no events, by method or status
-- @column duplicates BIGINT: conversions among the events whose id an earlier one has: they do not count
-- @column bots BIGINT: events of robots and tools
-- @column unreplaced_macros BIGINT: parameters of events whose value is a macro that nobody replaced
-- @column max_skew_seconds DECIMAL(18,6): the largest step back in time from a line to the next within a file
-- @column gaps BIGINT: open gaps of the source that touch the date: lines that may be lost; accepted ones too
-- @asked suspicious BIGINT suspicious: conversions of the source and date that a finding of `suspicious_traffic` concerns, over the report's range; shown with `--suspicious`
-- @param suspicious BOOLEAN: count suspicious conversions too, for which every touch of the range is read
-- @filter *
-- @note order: rows are sorted by source, by its bytes, and date.
WITH repeats AS MATERIALIZED (
    SELECT
        event_id,
        edge,
        date,
        rank() OVER (PARTITION BY event_id ORDER BY event_time, source_offset) AS place
    FROM repeated_lines(getvariable('report_first_day'), getvariable('report_until_day'))
),
-- Which of several lines at one time and offset is first matters where they are
-- of several sources: all columns of such lines alone are read.
tied AS (
    SELECT event_id
    FROM repeats
    WHERE place = 1
    GROUP BY event_id
    HAVING min(edge) <> max(edge)
),
firsts AS (
    SELECT min(edge) AS edge, min(date) AS date
    FROM repeats
    WHERE place = 1 AND event_id NOT IN (FROM tied)
    GROUP BY event_id
    UNION ALL
    (
        -- As the view conversions chooses the line that counts; of those that are
        -- equal in all of that, the first by source.
        SELECT edge, date
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
                status,
                edge,
                source_id
        ) = 1
    )
),
facts AS (
    SELECT edge AS source, date, events, rejects, ignored, not_counted, 0 AS duplicates, bots, unreplaced_macros, max_skew_micros, 0 AS gaps, 0 AS suspicious
    FROM report_account
    UNION ALL
    SELECT edge, date, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0
    FROM repeats
    UNION ALL
    SELECT edge, date, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0
    FROM firsts
    UNION ALL
    SELECT source, date, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
    FROM report_gaps
    UNION ALL
    SELECT edge, date, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(DISTINCT conversion_id)
    FROM suspicions(coalesce(param('suspicious') = 'true', false))
    WHERE edge IS NOT NULL
    GROUP BY edge, date
),
summed AS (
    SELECT
        source,
        date,
        CAST(sum(events + rejects + ignored + not_counted) AS BIGINT) AS lines,
        CAST(sum(events) AS BIGINT) AS events,
        CAST(sum(rejects) AS BIGINT) AS rejects,
        CAST(sum(ignored) AS BIGINT) AS ignored,
        CAST(sum(not_counted) AS BIGINT) AS not_counted,
        CAST(sum(duplicates) AS BIGINT) AS duplicates,
        CAST(sum(bots) AS BIGINT) AS bots,
        CAST(sum(unreplaced_macros) AS BIGINT) AS unreplaced_macros,
        from_millionths(max(max_skew_micros)) AS max_skew_seconds,
        CAST(sum(gaps) AS BIGINT) AS gaps,
        CAST(sum(suspicious) AS BIGINT) AS suspicious
    FROM facts
    WHERE date >= getvariable('report_first_day') AND date < getvariable('report_until_day')
    GROUP BY source, date
)
SELECT *
FROM summed
WHERE passes('source', source)
    AND passes('date', date)
    AND passes('lines', lines)
    AND passes('events', events)
    AND passes('rejects', rejects)
    AND passes('ignored', ignored)
    AND passes('not_counted', not_counted)
    AND passes('duplicates', duplicates)
    AND passes('bots', bots)
    AND passes('unreplaced_macros', unreplaced_macros)
    AND passes('max_skew_seconds', max_skew_seconds)
    AND passes('gaps', gaps)
ORDER BY source, date;
