-- One row a conversion. The order by time lets a reader skip what is outside
-- its range of days.
CREATE TABLE warehouse.attributions AS
FROM attributions
ORDER BY conversion_time, conversion_id;
