-- What BI tools show of tables and columns. Those of attributions and ledger
-- are the lake's own, from schemas/columns.go.
COMMENT ON TABLE warehouse.advertisers IS 'Who pays: the catalog''s advertisers';
COMMENT ON COLUMN warehouse.advertisers.id IS 'the advertiser''s id';
COMMENT ON COLUMN warehouse.advertisers.name IS 'the advertiser''s name, as reports show it';
COMMENT ON COLUMN warehouse.advertisers.code IS 'its code in the network''s own systems';
COMMENT ON COLUMN warehouse.advertisers.currency IS 'ISO 4217; of its rates, and so of all its money';
COMMENT ON COLUMN warehouse.advertisers.time_zone IS 'IANA name of the zone of its reports; null: the configuration''s';
COMMENT ON COLUMN warehouse.advertisers.redirect_hosts IS 'hosts that redir may lead to; *.x is any subdomain of x';

COMMENT ON TABLE warehouse.insertion_orders IS 'What line items are billed under';
COMMENT ON COLUMN warehouse.insertion_orders.id IS 'the insertion order''s id';
COMMENT ON COLUMN warehouse.insertion_orders.advertiser_id IS 'whose order it is';
COMMENT ON COLUMN warehouse.insertion_orders.name IS 'the order''s name';
COMMENT ON COLUMN warehouse.insertion_orders.code IS 'its code in the network''s own systems';
COMMENT ON COLUMN warehouse.insertion_orders.po_number IS 'the advertiser''s purchase order, as bills quote it';

COMMENT ON TABLE warehouse.line_items IS 'What earns: the catalog''s line items';
COMMENT ON COLUMN warehouse.line_items.id IS 'the line item''s id';
COMMENT ON COLUMN warehouse.line_items.advertiser_id IS 'whose line item it is';
COMMENT ON COLUMN warehouse.line_items.insertion_order_id IS 'the order that it is billed under';
COMMENT ON COLUMN warehouse.line_items.name IS 'the line item''s name';
COMMENT ON COLUMN warehouse.line_items.code IS 'its code in the network''s own systems';
COMMENT ON COLUMN warehouse.line_items.state IS 'active or inactive';
COMMENT ON COLUMN warehouse.line_items.active_from IS 'it counts from this time on; null: always';
COMMENT ON COLUMN warehouse.line_items.active_until IS 'it counts before this time; null: for ever';
COMMENT ON COLUMN warehouse.line_items.pixels IS 'the pixels attached to it; what they earn is in rates';

COMMENT ON TABLE warehouse.creatives IS 'What is shown';
COMMENT ON COLUMN warehouse.creatives.id IS 'the creative''s id';
COMMENT ON COLUMN warehouse.creatives.line_item_id IS 'the line item that it belongs to';
COMMENT ON COLUMN warehouse.creatives.name IS 'the creative''s name';

COMMENT ON TABLE warehouse.publishers IS 'Where it is shown';
COMMENT ON COLUMN warehouse.publishers.id IS 'the publisher''s id';
COMMENT ON COLUMN warehouse.publishers.name IS 'the publisher''s name';

COMMENT ON TABLE warehouse.trackers IS 'Impression and click trackers: what their touches belong to';
COMMENT ON COLUMN warehouse.trackers.id IS 'the tracker''s id: id= in its URL';
COMMENT ON COLUMN warehouse.trackers.kind IS 'impression or click';
COMMENT ON COLUMN warehouse.trackers.line_item_id IS 'the line item that its touches belong to';
COMMENT ON COLUMN warehouse.trackers.creative_id IS 'the creative that it stands in';
COMMENT ON COLUMN warehouse.trackers.publisher_id IS 'where the creative is shown';
COMMENT ON COLUMN warehouse.trackers.landing_url IS 'where a click goes';

COMMENT ON TABLE warehouse.pixels IS 'Conversion pixels, with the settings that they began with';
COMMENT ON COLUMN warehouse.pixels.id IS 'the pixel''s id: id= in its URL';
COMMENT ON COLUMN warehouse.pixels.advertiser_id IS 'whose pixel it is';
COMMENT ON COLUMN warehouse.pixels.name IS 'the pixel''s name';
COMMENT ON COLUMN warehouse.pixels.code IS 'the pixel''s code: code= in its URL';
COMMENT ON COLUMN warehouse.pixels.state IS 'active or inactive';
COMMENT ON COLUMN warehouse.pixels.active_from IS 'it counts from this time on; null: always';
COMMENT ON COLUMN warehouse.pixels.active_until IS 'it counts before this time; null: for ever';
COMMENT ON COLUMN warehouse.pixels.trigger_type IS 'view, click or hybrid: the touches that may earn';
COMMENT ON COLUMN warehouse.pixels.post_view_expire_mins IS 'minutes for which an impression may earn';
COMMENT ON COLUMN warehouse.pixels.post_click_expire_mins IS 'minutes for which a click may earn';
COMMENT ON COLUMN warehouse.pixels.min_minutes_per_conv IS 'minutes between two conversions of a user that count; 0: all count; null: one a user';
COMMENT ON COLUMN warehouse.pixels.unique_order_id IS 'whether an order counts once';
COMMENT ON COLUMN warehouse.pixels.event_category IS 'what a conversion of this pixel means';
COMMENT ON COLUMN warehouse.pixels.piggyback_pixels IS 'other parties'' URLs that fire along';
COMMENT ON COLUMN warehouse.pixels.settings IS 'settings from a time on, whole';

COMMENT ON TABLE warehouse.rates IS 'What a conversion earns, by line item, pixel and time: the latest entry at or before it counts, alone';
COMMENT ON COLUMN warehouse.rates.line_item_id IS 'the line item';
COMMENT ON COLUMN warehouse.rates.pixel_id IS 'the pixel attached to it';
COMMENT ON COLUMN warehouse.rates."from" IS 'from this time on';
COMMENT ON COLUMN warehouse.rates.post_click_revenue IS 'for a conversion after a click; null: 0, and marked as missing';
COMMENT ON COLUMN warehouse.rates.post_view_revenue IS 'for a conversion after a view; null: 0, and marked as missing';

COMMENT ON TABLE warehouse.segments IS 'Audiences that pixels add users to';
COMMENT ON COLUMN warehouse.segments.id IS 'the segment''s id';
COMMENT ON COLUMN warehouse.segments.name IS 'the segment''s name';
COMMENT ON COLUMN warehouse.segments.code IS 'the segment''s code: seg_code= in a URL';
COMMENT ON COLUMN warehouse.segments.expire_minutes IS 'minutes that a user stays in after being added; 0: for ever';

COMMENT ON TABLE warehouse.segment_members IS 'Who is in which segment at built_at';
COMMENT ON COLUMN warehouse.segment_members.segment_id IS 'the segment';
COMMENT ON COLUMN warehouse.segment_members.user_id IS 'the user';
COMMENT ON COLUMN warehouse.segment_members.added_at IS 'when the user was put in last';
COMMENT ON COLUMN warehouse.segment_members.expires_at IS 'when the user drops out; null: never';
COMMENT ON COLUMN warehouse.segment_members.value IS 'the value that was given';

COMMENT ON TABLE warehouse.rejects_daily IS 'Lines that could not be read';
COMMENT ON COLUMN warehouse.rejects_daily.date IS 'UTC date of reading';
COMMENT ON COLUMN warehouse.rejects_daily.reason IS 'malformed, missing_field, bad_time or too_long';
COMMENT ON COLUMN warehouse.rejects_daily.lines IS 'how many lines';

COMMENT ON TABLE warehouse.hourly_facts IS 'Touches, conversions and money by UTC hour: sums are the figures of the report advertiser_analytics; never sum money over currencies';
COMMENT ON COLUMN warehouse.hourly_facts.hour IS 'when the hour begins, UTC';
COMMENT ON COLUMN warehouse.hourly_facts.advertiser_id IS 'the advertiser; null: of touches of an unknown tracker';
COMMENT ON COLUMN warehouse.hourly_facts.line_item_id IS 'the line item; null: of touches of an unknown tracker';
COMMENT ON COLUMN warehouse.hourly_facts.creative_id IS 'the creative';
COMMENT ON COLUMN warehouse.hourly_facts.publisher_id IS 'the publisher';
COMMENT ON COLUMN warehouse.hourly_facts.tracker_id IS 'the tracker, as it was sent; of conversions the winning touch''s';
COMMENT ON COLUMN warehouse.hourly_facts.pixel_id IS 'the pixel; null on rows of touches, which have none';
COMMENT ON COLUMN warehouse.hourly_facts.imps IS 'valid impressions at their time';
COMMENT ON COLUMN warehouse.hourly_facts.clicks IS 'valid clicks at their time';
COMMENT ON COLUMN warehouse.hourly_facts.media_cost IS 'what they cost, one without a figure as 0';
COMMENT ON COLUMN warehouse.hourly_facts.post_view_convs IS 'conversions attributed to an impression, at the conversion''s time';
COMMENT ON COLUMN warehouse.hourly_facts.post_click_convs IS 'conversions attributed to a click, at the conversion''s time';
COMMENT ON COLUMN warehouse.hourly_facts.booked_revenue IS 'static revenue of the latest attribution, not of the ledger';
COMMENT ON COLUMN warehouse.hourly_facts.currency IS 'of the row''s money: the advertiser''s; of an unknown tracker''s touches the catalog''s';

COMMENT ON TABLE warehouse.closed_days IS 'Business days that are closed: what is booked under them never changes';
COMMENT ON COLUMN warehouse.closed_days.day IS 'the business day: booked, in the ledger';
COMMENT ON COLUMN warehouse.closed_days.sequence IS 'its number in the ledger, from 1';
COMMENT ON COLUMN warehouse.closed_days.begins IS 'when the day begins';
COMMENT ON COLUMN warehouse.closed_days.ends IS 'when it ends, which is when the next begins';
COMMENT ON COLUMN warehouse.closed_days.entries IS 'entries booked under it';
COMMENT ON COLUMN warehouse.closed_days.catalog_digest IS 'SHA-256 of the catalog that its close used';

COMMENT ON TABLE warehouse.warehouse_info IS 'What these tables were made of, in one row';
COMMENT ON COLUMN warehouse.warehouse_info.built_at IS 'when they were made';
COMMENT ON COLUMN warehouse.warehouse_info.lake_commit IS 'the lake''s commit that they show';
COMMENT ON COLUMN warehouse.warehouse_info.catalog_digest IS 'SHA-256 of the catalog that the dimensions are of';
COMMENT ON COLUMN warehouse.warehouse_info.ledger_closed_to IS 'the newest closed business day; null: none is';
COMMENT ON COLUMN warehouse.warehouse_info.time_zone IS 'IANA name of the zone of business days';
COMMENT ON COLUMN warehouse.warehouse_info.version IS 'of these tables: columns may be added to one, anything else raises it';
