-- @report unattributed
-- @doc Conversions that no touch earned, by pixel and the step of attribution that failed. The range chooses by the conversion's time.
-- @column pixel_id BIGINT: the conversion pixel; null where neither an id nor a known code was sent
-- @column pixel_name VARCHAR: its name; null where the catalog does not know it
-- @column reason VARCHAR: the step that failed
-- @column conversions BIGINT: how many
-- @filter *
WITH counted AS (
    SELECT a.pixel_id, a.reason, count(*) AS conversions
    FROM attributions AS a
    LEFT JOIN report_zones AS z ON z.advertiser_id = a.advertiser_id
    JOIN report_spans AS s
        ON s.zone = coalesce(z.zone, 0)
        AND a.conversion_time >= s.first
        AND a.conversion_time < s.until
    WHERE a.outcome = 'unattributed' AND near_range(a.conversion_time, a.date)
    GROUP BY a.pixel_id, a.reason
)
SELECT c.pixel_id, p.name AS pixel_name, c.reason, c.conversions
FROM counted AS c
LEFT JOIN pixels AS p ON p.id = c.pixel_id
WHERE passes('pixel_id', c.pixel_id)
    AND passes('pixel_name', p.name)
    AND passes('reason', c.reason)
    AND passes('conversions', c.conversions)
ORDER BY c.pixel_id NULLS FIRST, c.reason NULLS FIRST;
