SELECT count(*) FROM sought;
