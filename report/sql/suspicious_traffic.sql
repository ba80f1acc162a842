-- @report suspicious_traffic
-- @doc Traffic that does not look like people, though no robot's name gives it away: clicks far above a user's norm, conversions within seconds of the click, publishers whose conversions come as if by chance, users with thousands of touches, addresses with many users, values far above the pixel's, order ids in sequence. Findings are signs, never proof: nothing is deleted and nothing decided; `void` takes the conversions that are not to be paid. One row for each finding and pixel whose conversions it concerns, or for each of these conversions with `--conversions`. Conversions are chosen by their times, touches by theirs, and are compared with what else is in the range: a week or more tells most. Robots' events are left out, and voided conversions, which are settled. See docs/invalid-traffic.md for what is found when, and why.
-- @slow
-- @utc
-- @needs suspicions
-- @column kind VARCHAR: click_flooding, click_injection, heavy_user, crowded_address, value_outlier or sequential_orders
-- @column subject_type VARCHAR: what the finding is about: user, address, publisher, tracker, pixel or conversion
-- @column subject VARCHAR: its id; an address as the lake keeps it, by default a network of 256
-- @column pixel_id BIGINT: the pixel of the conversions concerned; null where there are none
-- @column pixel_name VARCHAR: its name
-- @column advertiser_id BIGINT: its advertiser
-- @column advertiser_name VARCHAR: the advertiser's name
-- @column line_item_id BIGINT: the line item that earned them; null where it is none or several
-- @column what VARCHAR: what was seen, in figures
-- @column observed DECIMAL(18,6): the figure that is odd: clicks, touches or users of the worst date, clicks of the worst minute, quick conversions, conversions within 24 hours, a value, order ids in sequence
-- @column norm DECIMAL(18,6): what is usual: the median, or what the other publishers' shares would give; null where there is none
-- @column bound DECIMAL(18,6): up to here it would be no finding; null where it is no single figure
-- @column conversions BIGINT: conversions concerned that could be paid, attributed or not
-- @column attributed BIGINT: of them attributed
-- @column booked_revenue DECIMAL(38,6): what these earned, by the latest attribution; null where it is of several currencies
-- @column currency VARCHAR: its currency; null where nothing is attributed, or money is of several
-- @column examples VARCHAR: ids of up to three of the conversions, attributed ones first, for `explain` and `void`
-- @column conversion_id VARCHAR: the conversion, with `--conversions`; else null
-- @param conversions BOOLEAN: a row for each conversion concerned
-- @param clicks_per_day BIGINT: click_flooding: a user's clicks on a UTC date that are never too many (50)
-- @param clicks_per_minute BIGINT: click_flooding: a user's clicks within a minute of the clock that are never too many (15)
-- @param touches_per_day BIGINT: heavy_user: a user's impressions and clicks on a UTC date that are never too many (1000)
-- @param users_per_day BIGINT: crowded_address: users who click or convert at an address on a UTC date that are never too many (100)
-- @param injection_seconds BIGINT: click_injection: a conversion sooner after its click is quick (2)
-- @param value_times BIGINT: value_outlier: so many times the pixel's median are never too much (50)
-- @param orders_in_sequence BIGINT: sequential_orders: so many in sequence by one user are a finding, twice as many by one address (5)
-- @filter kind subject_type subject pixel_id advertiser_id line_item_id currency
-- @note filter: they choose among findings, which are made from all traffic of the range.
-- @note order: rows are sorted by kind, subject_type, subject, pixel_id, null first, and conversion_id.
WITH grouped AS (
    SELECT
        kind,
        subject_type,
        subject,
        what,
        observed,
        norm,
        bound,
        pixel_id,
        advertiser_id,
        CASE WHEN param('conversions') = 'true' THEN conversion_id END AS conversion_id,
        CASE WHEN min(line_item_id) = max(line_item_id) THEN min(line_item_id) END AS line_item_id,
        count(conversion_id) AS conversions,
        count(*) FILTER (WHERE attributed) AS attributed_conversions,
        sum(booked_revenue) AS booked_revenue,
        min(currency) AS currency,
        max(currency) AS other_currency,
        min((NOT attributed, conversion_id), 3) FILTER (WHERE conversion_id IS NOT NULL) AS some
    FROM suspicions(true)
    GROUP BY ALL
)
SELECT
    g.kind,
    g.subject_type,
    g.subject,
    g.pixel_id,
    p.name AS pixel_name,
    g.advertiser_id,
    a.name AS advertiser_name,
    g.line_item_id,
    g.what,
    g.observed,
    g.norm,
    g.bound,
    g.conversions,
    g.attributed_conversions AS attributed,
    CASE
        WHEN g.currency = g.other_currency OR g.attributed_conversions = 0
            THEN CAST(coalesce(g.booked_revenue, 0) AS DECIMAL(38, 6))
    END AS booked_revenue,
    CASE WHEN g.currency = g.other_currency THEN g.currency END AS currency,
    array_to_string([s[2] FOR s IN g.some], ' ') AS examples,
    g.conversion_id
FROM grouped AS g
LEFT JOIN pixels AS p ON p.id = g.pixel_id
LEFT JOIN advertisers AS a ON a.id = g.advertiser_id
WHERE passes('kind', g.kind)
    AND passes('subject_type', g.subject_type)
    AND passes('subject', g.subject)
    AND passes('pixel_id', g.pixel_id)
    AND passes('advertiser_id', g.advertiser_id)
    AND passes('line_item_id', g.line_item_id)
    AND passes('currency', CASE WHEN g.currency = g.other_currency THEN g.currency END)
    AND (param('conversions') IS DISTINCT FROM 'true' OR g.conversion_id IS NOT NULL)
ORDER BY g.kind, g.subject_type, g.subject, g.pixel_id NULLS FIRST, g.what, g.conversion_id NULLS FIRST;
