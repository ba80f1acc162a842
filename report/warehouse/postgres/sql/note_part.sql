-- Notes what was loaded of a part.
INSERT INTO loaded_parts (table_name, part, fingerprint)
VALUES ($1, $2, $3)
ON CONFLICT (table_name, part) DO UPDATE SET fingerprint = excluded.fingerprint;
