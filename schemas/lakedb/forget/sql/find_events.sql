-- Which files hold one of the ids, and whose rows they are. Of the others' rows
-- only their number is asked.
SELECT filename, CASE WHEN is_forgotten(user_id) THEN user_id END AS whose, count(*)
FROM searched_rows
WHERE is_forgotten(user_id)
    OR key_mentions(concat_ws(chr(0), token, order_id, value_text, sspdata))
    OR mentions(concat_ws(chr(0), other, referer, user_agent, host))
    OR mentions(text_of_params(params))
GROUP BY ALL;
