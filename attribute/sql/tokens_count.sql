SELECT count(*) FROM sought_by_token;
