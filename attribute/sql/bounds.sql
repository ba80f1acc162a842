-- How far the conversions that are still asked for reach. Where there is none,
-- the bounds are null and no touch is read.
SET VARIABLE clicks_from = (SELECT min(max_click_from) FROM asked WHERE refused IS NULL);

SET VARIABLE views_from = (SELECT min(max_view_from) FROM asked WHERE refused IS NULL);

SET VARIABLE touches_to = (SELECT max(conversion_time) FROM asked WHERE refused IS NULL);
