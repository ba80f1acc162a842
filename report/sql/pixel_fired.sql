-- @report pixel_fired
-- @doc One row for each pixel of the catalog: when it fired last, how often in the last twelve hours, and whether it can earn anything now. Every line of a conversion is a load: bots, those whose consent is denied, and lines that repeat an id. A fire by code counts for the pixel that the code means with the catalog's member. Fires after now, which an edge whose clock is ahead writes, count once their time has come.
-- @rangeless
-- @needs pixels
-- @column pixel_id BIGINT: the conversion pixel
-- @column pixel_name VARCHAR: its name
-- @column advertiser_id BIGINT: its advertiser
-- @column last_fired TIMESTAMP WITH TIME ZONE: its last load; null where it never fired
-- @column loads_last_12_hours BIGINT: loads later than now − 12 h, up to now
-- @column state VARCHAR: `active` or `inactive`, as the catalog has it
-- @column status VARCHAR: `Active`, or `Paused`: it fires, but nothing will be attributed
-- @column why VARCHAR: why it is so
-- @filter *
-- @note order: rows are sorted by the pixel's id.
WITH recent AS (
    SELECT pixel_id, max(event_time) AS last_fired, count(*) AS loads
    FROM pixel_loads()
    WHERE date >= CAST(getvariable('report_now') - INTERVAL 12 HOUR AS DATE)
        AND event_time > getvariable('report_now') - INTERVAL 12 HOUR
        AND event_time <= getvariable('report_now')
    GROUP BY pixel_id
),
-- Those that did not fire since: only of them what is older is read, and of
-- none nothing.
quiet AS (
    SELECT id FROM pixels
    WHERE id NOT IN (SELECT pixel_id FROM recent WHERE pixel_id IS NOT NULL)
),
earlier AS (
    SELECT pixel_id, max(event_time) AS last_fired
    FROM pixel_loads()
    WHERE date <= CAST(getvariable('report_now') - INTERVAL 12 HOUR AS DATE)
        AND event_time <= getvariable('report_now') - INTERVAL 12 HOUR
        AND pixel_id IN (FROM quiet)
    GROUP BY pixel_id
),
fired AS (
    SELECT
        p.id AS pixel_id,
        p.name AS pixel_name,
        p.advertiser_id,
        coalesce(r.last_fired, e.last_fired) AS last_fired,
        coalesce(r.loads, 0) AS loads_last_12_hours,
        p.state,
        s.status,
        s.why
    FROM pixels AS p
    LEFT JOIN report_pixels AS s ON s.pixel_id = p.id
    LEFT JOIN recent AS r ON r.pixel_id = p.id
    LEFT JOIN earlier AS e ON e.pixel_id = p.id
)
SELECT f.*, coalesce(z.zone, 0) AS zone
FROM fired AS f
LEFT JOIN report_zones AS z ON z.advertiser_id = f.advertiser_id
WHERE passes('pixel_id', f.pixel_id)
    AND passes('pixel_name', f.pixel_name)
    AND passes('advertiser_id', f.advertiser_id)
    AND passes('last_fired', epoch_us(f.last_fired))
    AND passes('loads_last_12_hours', f.loads_last_12_hours)
    AND passes('state', f.state)
    AND passes('status', f.status)
    AND passes('why', f.why)
ORDER BY f.pixel_id;
