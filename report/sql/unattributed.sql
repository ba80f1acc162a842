-- @report unattributed
-- @doc Conversions that no touch earned, by pixel and the step of attribution that failed. The range chooses by the conversion's time.
-- @column pixel_id BIGINT: the conversion pixel; null where neither an id nor a known code was sent
-- @column pixel_name VARCHAR: its name; null where the catalog does not know it
-- @column reason VARCHAR: the step that failed
-- @column conversions BIGINT: how many
-- @filter pixel_id reason
SELECT
    a.pixel_id,
    any_value(p.name) AS pixel_name,
    a.reason,
    count(*) AS conversions
FROM attributions AS a
LEFT JOIN report_zones AS z ON z.advertiser_id = a.advertiser_id
JOIN report_spans AS s
    ON s.zone = coalesce(z.zone, 0)
    AND a.conversion_time >= s.first
    AND a.conversion_time < s.until
LEFT JOIN pixels AS p ON p.id = a.pixel_id
WHERE a.outcome = 'unattributed'
    AND near_range(a.conversion_time, a.date)
    AND passes('pixel_id', a.pixel_id)
    AND passes('reason', a.reason)
GROUP BY a.pixel_id, a.reason
ORDER BY a.pixel_id NULLS FIRST, a.reason NULLS FIRST;
