-- The catalog's lists, as the catalog in force has them. Rows stand in the
-- order of their ids, so that the same catalog gives the same tables.
CREATE TABLE warehouse.advertisers AS FROM advertisers ORDER BY id;

CREATE TABLE warehouse.insertion_orders AS FROM insertion_orders ORDER BY id;

CREATE TABLE warehouse.line_items AS FROM line_items ORDER BY id;

CREATE TABLE warehouse.creatives AS FROM creatives ORDER BY id;

CREATE TABLE warehouse.publishers AS FROM publishers ORDER BY id;

CREATE TABLE warehouse.trackers AS FROM trackers ORDER BY id;

CREATE TABLE warehouse.pixels AS FROM pixels ORDER BY id;

CREATE TABLE warehouse.rates AS FROM rates ORDER BY line_item_id, pixel_id, "from";

CREATE TABLE warehouse.segments AS FROM segments ORDER BY id;
