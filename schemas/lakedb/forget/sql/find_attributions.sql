SELECT filename, CASE WHEN is_forgotten(user_id) THEN user_id END AS whose, count(*)
FROM searched_rows
WHERE is_forgotten(user_id) OR mentions(concat_ws(chr(0), order_id, other))
GROUP BY ALL;
