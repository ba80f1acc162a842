-- Each catalog list from one bound JSON document, in the order of catalog.sql.
-- The bound text names every key; a key that is null stays null.

INSERT INTO advertisers BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "name": "VARCHAR",
        "code": "VARCHAR",
        "currency": "VARCHAR",
        "time_zone": "VARCHAR",
        "redirect_hosts": ["VARCHAR"]
    }]'), max_depth := 2);

INSERT INTO insertion_orders BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "advertiser_id": "BIGINT",
        "name": "VARCHAR",
        "code": "VARCHAR",
        "po_number": "VARCHAR"
    }]'), max_depth := 2);

INSERT INTO line_items BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "advertiser_id": "BIGINT",
        "insertion_order_id": "BIGINT",
        "name": "VARCHAR",
        "code": "VARCHAR",
        "state": "VARCHAR",
        "active_from": "TIMESTAMPTZ",
        "active_until": "TIMESTAMPTZ",
        "pixels": [{"pixel_id": "BIGINT", "state": "VARCHAR", "active_from": "TIMESTAMPTZ", "active_until": "TIMESTAMPTZ"}]
    }]'), max_depth := 2);

INSERT INTO rates BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "line_item_id": "BIGINT",
        "pixel_id": "BIGINT",
        "from": "TIMESTAMPTZ",
        "post_click_revenue": "DECIMAL(18,6)",
        "post_view_revenue": "DECIMAL(18,6)"
    }]'), max_depth := 2);

INSERT INTO creatives BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "line_item_id": "BIGINT",
        "name": "VARCHAR"
    }]'), max_depth := 2);

INSERT INTO publishers BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "name": "VARCHAR"
    }]'), max_depth := 2);

INSERT INTO trackers BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "kind": "VARCHAR",
        "line_item_id": "BIGINT",
        "creative_id": "BIGINT",
        "publisher_id": "BIGINT",
        "landing_url": "VARCHAR"
    }]'), max_depth := 2);

INSERT INTO pixels BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "advertiser_id": "BIGINT",
        "name": "VARCHAR",
        "code": "VARCHAR",
        "state": "VARCHAR",
        "active_from": "TIMESTAMPTZ",
        "active_until": "TIMESTAMPTZ",
        "trigger_type": "VARCHAR",
        "post_view_expire_mins": "BIGINT",
        "post_click_expire_mins": "BIGINT",
        "min_minutes_per_conv": "BIGINT",
        "unique_order_id": "BOOLEAN",
        "event_category": "VARCHAR",
        "piggyback_pixels": [{"pixel_type": "VARCHAR", "url": "VARCHAR"}],
        "settings": [{"from": "TIMESTAMPTZ", "trigger_type": "VARCHAR", "post_view_expire_mins": "BIGINT", "post_click_expire_mins": "BIGINT", "min_minutes_per_conv": "BIGINT", "unique_order_id": "BOOLEAN"}]
    }]'), max_depth := 2);

INSERT INTO segments BY NAME
SELECT unnest(from_json($1::JSON, '[{
        "id": "BIGINT",
        "name": "VARCHAR",
        "code": "VARCHAR",
        "expire_minutes": "BIGINT"
    }]'), max_depth := 2);
