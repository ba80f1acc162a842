-- How far back touches are looked for, of either kind, and up to when.
SELECT
    to_micros(min(max_click_from)),
    to_micros(min(max_view_from)),
    to_micros(max(conversion_time))
FROM sought;
