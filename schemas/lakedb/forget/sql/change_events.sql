-- An event of a forgotten user keeps what decides: when, what was asked for, by
-- which edge. Others that mention one keep all but that.
SELECT * REPLACE (
    user_after(user_id) AS user_id,
    token_after(token) AS token,
    key_after(order_id) AS order_id,
    key_after(value_text) AS value_text,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE text_after(other) END AS other,
    token_after(sspdata) AS sspdata,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE text_after(referer) END AS referer,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE text_after(user_agent) END AS user_agent,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE ip END AS ip,
    text_after(host) AS host,
    CASE WHEN is_forgotten(user_id) THEN NULL ELSE params_after(params) END AS params
)
FROM rows_before
