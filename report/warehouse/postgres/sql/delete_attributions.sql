-- Takes the attributions of some UTC dates away.
DELETE FROM attributions WHERE date = ANY (CAST($1 AS date[]));
