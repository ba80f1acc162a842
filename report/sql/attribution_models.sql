-- @report attribution_models
-- @doc The attributed conversions of the range and their booked revenue, split over channels by other models than the ledger's, to compare them; analysis only, nothing of it is ever booked. A channel is what the report is `--by`: line items, if nothing else is asked for. A conversion's path are the touches that may earn it (step 7 of attribution), within the lookback in place of its pixel's windows, of the last 1,000 of its user before it, and always the touch that did earn it. Each model gives every conversion away whole: in each one the rows add up to the same conversions and, by currency, the same revenue, to the last of six decimals. The range chooses by the conversion's time.
-- @slow
-- @dimension advertiser_id advertiser_name: the advertiser
-- @dimension line_item_id line_item_name: the line item
-- @dimension creative_id creative_name: the creative
-- @dimension publisher_id publisher_name: the publisher
-- @by line_item_id
-- @param lookback_days BIGINT: how far back touches are looked for, 1 to 400, by default 90; it should not be less than the longest window
-- @param half_life_days DECIMAL(18,6): of time_decay: how much older a touch is that counts half, by default 7
-- @column model VARCHAR: `ledger`: the touch that earned it; `first_touch`; `last_touch`, impression or click; `linear`: all alike; `time_decay`; `position_based`: 40 % to the first, 40 % to the last, 20 % to those between, of two half each; `markov`: by removal effect
-- @column touches BIGINT: touches of the channel in the paths; one touch is in the path of each conversion that it may earn
-- @column conversions DECIMAL(38,6): what the model gives the channel of the conversions
-- @column share DECIMAL(18,6): conversions / those of all rows of the model
-- @column conversions_difference DECIMAL(38,6): conversions − those of the row's channel in the ledger's model
-- @column booked_revenue DECIMAL(38,6): what the model gives the channel of the revenue that is booked for the conversions, in `currency`
-- @column revenue_difference DECIMAL(38,6): booked_revenue − that of the row's channel in the ledger's model
-- @column removal_effect DECIMAL(18,6): of markov: the share of conversions that would be lost without the channel; null in a row of several advertisers
-- @column currency VARCHAR: that of the revenue
-- @needs paths
-- @filter advertiser_id pixel_id conversion_type currency model
-- @choice pixel_id BIGINT: the conversions' pixel
-- @choice conversion_type VARCHAR: `post_click` or `post_view`, as the ledger has it
-- @note filter: all but `model` choose conversions before their paths are looked for.
-- @note formulas: docs/attribution.md gives them with their sources.
-- @note order: rows are sorted by the ids in the order of `--by`, null first, then by currency and by model in the order above.
WITH half_life AS (
    SELECT CAST(coalesce(param('half_life_days'), '7') AS DOUBLE) * 86400000000 AS micros
),
-- Weights are whole numbers: only their ratios matter.
weighed AS (
    SELECT
        p.*,
        CASE
            WHEN places <= 2 THEN 1
            WHEN place = 1 OR place = places THEN 2 * (places - 2)
            ELSE 1
        END AS position_weight,
        -- Of the last touch 2^40. The age is counted from there: that changes no
        -- ratio, and what is then lost is of touches that count for nothing.
        CAST(
            1099511627776 * pow(2, (epoch_us(touch_time) - max(epoch_us(touch_time)) OVER of_path) / h.micros)
            AS BIGINT
        ) AS decay_weight
    FROM model_paths AS p, half_life AS h
    WINDOW of_path AS (PARTITION BY conversion_id)
),
summed AS (
    SELECT
        *,
        sum(position_weight) OVER so_far AS position_until,
        sum(position_weight) OVER of_path AS position_all,
        sum(decay_weight) OVER so_far AS decay_until,
        sum(decay_weight) OVER of_path AS decay_all
    FROM weighed
    WINDOW
        of_path AS (PARTITION BY conversion_id),
        so_far AS (PARTITION BY conversion_id ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- In millionths.
credited AS (
    SELECT
        advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        currency,
        count(*) AS touches,
        sum(CASE WHEN place = 1 THEN 1000000 ELSE 0 END) AS first_touch,
        sum(CASE WHEN place = 1 THEN revenue ELSE 0 END) AS first_touch_revenue,
        sum(CASE WHEN place = places THEN 1000000 ELSE 0 END) AS last_touch,
        sum(CASE WHEN place = places THEN revenue ELSE 0 END) AS last_touch_revenue,
        sum(credit(1000000, 1, place, places)) AS linear,
        sum(credit(revenue, 1, place, places)) AS linear_revenue,
        sum(credit(1000000, decay_weight, decay_until, decay_all)) AS time_decay,
        sum(credit(revenue, decay_weight, decay_until, decay_all)) AS time_decay_revenue,
        sum(credit(1000000, position_weight, position_until, position_all)) AS position_based,
        sum(credit(revenue, position_weight, position_until, position_all)) AS position_based_revenue
    FROM summed
    GROUP BY advertiser_id, line_item_id, creative_id, publisher_id, currency
),
-- An advertiser's conversions, over its channels by their removal effects.
totals AS (
    SELECT advertiser_id, currency, count(*) * 1000000 AS conversions, sum(revenue) AS revenue
    FROM model_conversions
    GROUP BY advertiser_id, currency
),
shares AS (
    SELECT
        c.*,
        e.effect,
        e.weight,
        sum(e.weight) OVER (PARTITION BY c.advertiser_id ORDER BY c.channel) AS weight_until,
        sum(e.weight) OVER (PARTITION BY c.advertiser_id) AS weight_all
    FROM model_channels AS c
    JOIN model_effects AS e ON e.channel = c.channel
),
given AS (
    SELECT advertiser_id, line_item_id, creative_id, publisher_id, currency, touches,
        unnest([
            {'model': 'first_touch', 'conversions': first_touch, 'revenue': first_touch_revenue},
            {'model': 'last_touch', 'conversions': last_touch, 'revenue': last_touch_revenue},
            {'model': 'linear', 'conversions': linear, 'revenue': linear_revenue},
            {'model': 'time_decay', 'conversions': time_decay, 'revenue': time_decay_revenue},
            {'model': 'position_based', 'conversions': position_based, 'revenue': position_based_revenue}
        ], max_depth := 2),
        CAST(NULL AS DECIMAL(18, 6)) AS effect
    FROM credited
    UNION ALL BY NAME
    SELECT
        advertiser_id,
        CASE WHEN is_by('line_item_id') THEN line_item_id END AS line_item_id,
        CASE WHEN is_by('creative_id') THEN creative_id END AS creative_id,
        CASE WHEN is_by('publisher_id') THEN publisher_id END AS publisher_id,
        currency,
        0 AS touches,
        'ledger' AS model,
        count(*) * 1000000 AS conversions,
        sum(revenue) AS revenue
    FROM model_conversions
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT
        s.advertiser_id,
        s.line_item_id,
        s.creative_id,
        s.publisher_id,
        t.currency,
        0 AS touches,
        'markov' AS model,
        credit(t.conversions, s.weight, s.weight_until, s.weight_all) AS conversions,
        credit(t.revenue, s.weight, s.weight_until, s.weight_all) AS revenue,
        s.effect
    FROM shares AS s
    JOIN totals AS t ON t.advertiser_id IS NOT DISTINCT FROM s.advertiser_id
),
-- Every channel has a row in every model.
models (model, number) AS (
    VALUES
        ('ledger', 1),
        ('first_touch', 2),
        ('last_touch', 3),
        ('linear', 4),
        ('time_decay', 5),
        ('position_based', 6),
        ('markov', 7)
),
added AS (
    SELECT
        CASE WHEN is_by('advertiser_id') THEN advertiser_id END AS advertiser_id,
        line_item_id,
        creative_id,
        publisher_id,
        currency,
        model,
        sum(touches) AS touches,
        sum(conversions) AS conversions,
        sum(revenue) AS revenue,
        CASE WHEN count(*) = 1 THEN min(effect) END AS effect
    FROM given
    GROUP BY ALL
),
rows_of AS (
    SELECT DISTINCT advertiser_id, line_item_id, creative_id, publisher_id, currency
    FROM added
    WHERE touches > 0 OR conversions > 0
),
filled AS (
    SELECT
        r.*,
        m.model,
        m.number,
        max(coalesce(a.touches, 0)) OVER of_channel AS touches,
        coalesce(a.conversions, 0) AS conversions,
        coalesce(a.revenue, 0) AS revenue,
        a.effect,
        max(CASE WHEN m.number = 1 THEN coalesce(a.conversions, 0) END) OVER of_channel AS ledger_conversions,
        max(CASE WHEN m.number = 1 THEN coalesce(a.revenue, 0) END) OVER of_channel AS ledger_revenue,
        sum(coalesce(a.conversions, 0)) OVER (PARTITION BY m.model) AS all_conversions
    FROM rows_of AS r
    CROSS JOIN models AS m
    LEFT JOIN added AS a
        ON a.model = m.model
        AND a.advertiser_id IS NOT DISTINCT FROM r.advertiser_id
        AND a.line_item_id IS NOT DISTINCT FROM r.line_item_id
        AND a.creative_id IS NOT DISTINCT FROM r.creative_id
        AND a.publisher_id IS NOT DISTINCT FROM r.publisher_id
        AND a.currency = r.currency
    WINDOW of_channel AS (PARTITION BY r.advertiser_id, r.line_item_id, r.creative_id, r.publisher_id, r.currency)
),
shown AS (
    SELECT
        *,
        MAP {
            'advertiser_id': advertiser_id,
            'line_item_id': line_item_id,
            'creative_id': creative_id,
            'publisher_id': publisher_id
        } AS ids
    FROM filled
    WHERE passes('model', model)
)
SELECT
    f.advertiser_id,
    a.name AS advertiser_name,
    f.line_item_id,
    l.name AS line_item_name,
    f.creative_id,
    c.name AS creative_name,
    f.publisher_id,
    b.name AS publisher_name,
    f.model,
    CAST(f.touches AS BIGINT) AS touches,
    exact(f.conversions) AS conversions,
    quotient(CAST(f.conversions * 1000000 AS HUGEINT), CAST(f.all_conversions AS BIGINT)) AS share,
    exact(f.conversions - f.ledger_conversions) AS conversions_difference,
    exact(f.revenue) AS booked_revenue,
    exact(f.revenue - f.ledger_revenue) AS revenue_difference,
    f.effect AS removal_effect,
    f.currency
FROM shown AS f
LEFT JOIN advertisers AS a ON a.id = f.advertiser_id
LEFT JOIN line_items AS l ON l.id = f.line_item_id
LEFT JOIN creatives AS c ON c.id = f.creative_id
LEFT JOIN publishers AS b ON b.id = f.publisher_id
ORDER BY
    f.ids[getvariable('report_by')[1]] NULLS FIRST, f.ids[getvariable('report_by')[2]] NULLS FIRST,
    f.ids[getvariable('report_by')[3]] NULLS FIRST, f.ids[getvariable('report_by')[4]] NULLS FIRST,
    f.currency, f.number;
