-- What is booked, by day and currency.
SELECT
    CAST(booked AS VARCHAR),
    currency,
    count(*),
    CAST(sum(amount) AS VARCHAR),
    min(catalog_digest),
    max(catalog_digest)
FROM ledger
GROUP BY booked, currency
ORDER BY booked, currency;
