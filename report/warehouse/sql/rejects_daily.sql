-- Lines that could not be read, by the UTC date of reading. Their raw text
-- stays in the lake.
CREATE TABLE warehouse.rejects_daily AS
SELECT date, reason, count(*) AS lines
FROM rejects
GROUP BY ALL
ORDER BY date, reason;
