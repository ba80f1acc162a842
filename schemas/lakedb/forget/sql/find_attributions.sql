SELECT filename, CASE WHEN is_forgotten(user_id) THEN user_id END AS whose, count(*)
FROM searched_rows
WHERE is_forgotten(user_id) OR key_mentions(order_id) OR mentions(other)
GROUP BY ALL;
