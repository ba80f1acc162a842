SELECT count(*) FROM asked;
