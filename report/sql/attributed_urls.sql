-- @report attributed_urls
-- @doc The 25 pages that fired a pixel most in the past hour: later than now − 1 h, up to now. Every line of a conversion is a load, as in pixel_fired. A URL is the whole referer, with its parameters; a load without one, such as a server's, is of no page and is left out.
-- @rangeless
-- @required pixel_id
-- @choice pixel_id BIGINT: the conversion pixel; that of a code, where none was sent
-- @column url VARCHAR: the page, as the browser told it
-- @column loads BIGINT: how often it fired the pixel
-- @column last_load TIMESTAMP WITH TIME ZONE: when it did last
-- @filter pixel_id url
-- @note filter: `url` chooses loads before the 25 are chosen.
-- @note order: most loads first, of equals by the URL's bytes.
SELECT referer AS url, count(*) AS loads, max(event_time) AS last_load
FROM pixel_loads()
WHERE date >= CAST(getvariable('report_now') - INTERVAL 1 HOUR AS DATE)
    AND event_time > getvariable('report_now') - INTERVAL 1 HOUR
    AND event_time <= getvariable('report_now')
    AND referer IS NOT NULL
    AND passes('pixel_id', pixel_id)
    AND passes('url', referer)
GROUP BY referer
ORDER BY loads DESC, url
LIMIT 25;
