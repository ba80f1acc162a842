-- Entries that are not of the form of their kind, and conversions of which more
-- than one entry stands.
SELECT entry_id || ' is no ' || kind || ' by its columns'
FROM ledger
WHERE NOT CASE kind
        WHEN 'booking' THEN booked = business_day AND conversion_id IS NOT NULL AND conversion_time IS NOT NULL AND reason IS NULL AND reverses IS NULL
        WHEN 'adjustment' THEN booked > business_day AND conversion_id IS NOT NULL AND conversion_time IS NOT NULL AND reason IS NOT NULL
        WHEN 'credit' THEN booked = business_day AND conversion_id IS NULL AND conversion_time IS NULL AND pixel_id IS NULL
            AND touch_id IS NULL AND reverses IS NULL AND reason IS NOT NULL
        ELSE false
    END
UNION ALL
SELECT 'conversion ' || conversion_id || ' has ' || (count(*) - 2 * count(reverses)) || ' entries that stand'
FROM ledger
WHERE kind <> 'credit'
GROUP BY conversion_id
HAVING count(*) - 2 * count(reverses) NOT IN (0, 1)
ORDER BY 1
LIMIT 1000;
