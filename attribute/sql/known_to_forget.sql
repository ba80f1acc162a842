-- How much of what is known of a day names a forgotten user.
SELECT count(*)
FROM known_of_day
WHERE is_forgotten(user_id)
    OR is_forgotten(touch_user_id)
    OR key_mentions(concat_ws(chr(0), order_id, touch_token))
    OR mentions(other);
