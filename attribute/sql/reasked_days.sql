SELECT DISTINCT utc_date(conversion_time) AS day
FROM reasked;
