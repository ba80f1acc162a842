-- The business days concerned, as half-open stretches of time that touch:
-- those to be closed, and those closed before whose differences are booked.
CREATE TEMP TABLE days (
    day DATE NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    until_time TIMESTAMP WITH TIME ZONE NOT NULL,
    closing BOOLEAN NOT NULL
);
