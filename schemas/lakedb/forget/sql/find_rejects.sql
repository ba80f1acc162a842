SELECT filename, raw_after(raw) AS whose, count(*)
FROM searched_rows
WHERE raw_mentions(raw)
GROUP BY ALL;
