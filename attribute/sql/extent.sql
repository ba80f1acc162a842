-- Where the disturbances begin, and a text that changes when they spread.
SELECT
    to_micros(min(from_time)),
    count(*) || ' ' || coalesce(sum(to_micros(from_time)), 0)
FROM disturbed;
