-- How the ledger differs from the attributions, a row for each conversion.
SELECT conversion_id, CAST(business_day AS VARCHAR), reason
FROM changes
ORDER BY business_day, conversion_id;
