-- What an attribution says of its conversion is as the event says it.
SELECT * REPLACE (
    user_after(user_id) AS user_id,
    key_after(order_id) AS order_id,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE text_after(other) END AS other
)
FROM rows_before
