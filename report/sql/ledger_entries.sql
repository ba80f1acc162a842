-- @report ledger_entries
-- @doc One row for each entry of the ledger: what finance audits line by line. The range chooses by the business day that an entry is booked under.
-- @business
-- @column entry_id VARCHAR: known for good by what the entry is of
-- @column booked DATE: the business day that the entry is booked under
-- @column business_day DATE: the business day of the conversion, as it was first booked
-- @column kind VARCHAR: `booking`, `adjustment` or `credit`
-- @column conversion_id VARCHAR: event_id of the conversion; null on a credit
-- @column conversion_time TIMESTAMP WITH TIME ZONE: its time
-- @column conversion_type VARCHAR: `post_click` or `post_view`
-- @column advertiser_id BIGINT: the advertiser that owes the amount
-- @column line_item_id BIGINT: the line item that earned it
-- @column pixel_id BIGINT: the conversion pixel
-- @column touch_id VARCHAR: event_id of the touch that earned the conversion
-- @column amount DECIMAL(18,6): the money, negative on a reversal
-- @column currency VARCHAR: its currency
-- @column reason VARCHAR: why it was booked, of an adjustment or a credit
-- @column reverses VARCHAR: the entry that a reversal takes back
-- @column catalog_digest VARCHAR: the catalog that booked it, SHA-256 of its file
-- @filter *
SELECT
    entry_id,
    booked,
    business_day,
    kind,
    conversion_id,
    conversion_time,
    conversion_type,
    advertiser_id,
    line_item_id,
    pixel_id,
    touch_id,
    amount,
    currency,
    reason,
    reverses,
    catalog_digest
FROM ledger
WHERE booked >= getvariable('report_first_day')
    AND booked < getvariable('report_until_day')
    AND passes('entry_id', entry_id)
    AND passes('booked', booked)
    AND passes('business_day', business_day)
    AND passes('kind', kind)
    AND passes('conversion_id', conversion_id)
    AND passes('conversion_time', epoch_us(conversion_time))
    AND passes('conversion_type', conversion_type)
    AND near_filter('advertiser_id', advertiser_id)
    AND passes('advertiser_id', advertiser_id)
    AND near_filter('line_item_id', line_item_id)
    AND passes('line_item_id', line_item_id)
    AND near_filter('pixel_id', pixel_id)
    AND passes('pixel_id', pixel_id)
    AND passes('touch_id', touch_id)
    AND passes('amount', amount)
    AND passes('currency', currency)
    AND passes('reason', reason)
    AND passes('reverses', reverses)
    AND passes('catalog_digest', catalog_digest)
-- An entry's id tells it apart from every other: no further column decides.
ORDER BY entry_id;
