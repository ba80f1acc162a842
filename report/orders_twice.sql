-- Orders that stand on several rows of the list: each row behind the first.
SELECT order_id, line, at_column, first_line
FROM (
    SELECT order_id, line, at_column, min(line) OVER w AS first_line, row_number() OVER w AS number
    FROM report_orders
    WINDOW w AS (PARTITION BY order_id ORDER BY line)
)
WHERE number > 1
ORDER BY line
LIMIT $1;
