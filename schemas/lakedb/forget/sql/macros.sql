-- The ids, what takes their place, and the ways in which they stand in texts come
-- as variables, which are constants to a statement.
CREATE OR REPLACE TEMP MACRO is_forgotten(id) AS
    id IS NOT NULL AND list_contains(getvariable('forgotten_ids'), id);

CREATE OR REPLACE TEMP MACRO user_after(id) AS
    CASE
        WHEN is_forgotten(id) THEN getvariable('pseudonyms')[list_position(getvariable('forgotten_ids'), id)]
        ELSE id
    END;

-- A text with each pattern replaced, one after another.
CREATE OR REPLACE TEMP MACRO replaced(t, patterns, replacements) AS
    list_reduce(patterns, lambda before, needle, i: regexp_replace(before, needle, replacements[i], 'g'), t);

CREATE OR REPLACE TEMP MACRO mentions(t) AS
    coalesce(regexp_matches(t, getvariable('text_needles')), false);

CREATE OR REPLACE TEMP MACRO text_after(t) AS
    CASE
        WHEN mentions(t) THEN replaced(t, getvariable('text_patterns'), getvariable('text_replacements'))
        ELSE t
    END;

-- Orders and figures are numbers more often than not: one that is a user's too is
-- no mention of that user.
CREATE OR REPLACE TEMP MACRO key_mentions(t) AS
    coalesce(regexp_matches(t, getvariable('key_needles')), false);

CREATE OR REPLACE TEMP MACRO key_after(t) AS
    CASE
        WHEN key_mentions(t) THEN replaced(t, getvariable('key_patterns'), getvariable('key_replacements'))
        ELSE t
    END;

-- Tokens tie a conversion to a touch, whose request id may stand for its token:
-- a needle that request ids hold too must stay in both.
CREATE OR REPLACE TEMP MACRO token_after(t) AS
    CASE
        WHEN key_mentions(t) THEN replaced(t, getvariable('token_patterns'), getvariable('token_replacements'))
        ELSE t
    END;

CREATE OR REPLACE TEMP MACRO text_of_params(m) AS
    concat_ws(chr(0), array_to_string(map_keys(m), chr(0)), array_to_string(map_values(m), chr(0)));

CREATE OR REPLACE TEMP MACRO params_after(m) AS
    CASE
        WHEN mentions(text_of_params(m)) THEN map_from_entries(
            list_transform(map_entries(m), lambda e: struct_pack(key := text_after(e.key), value := text_after(e.value)))
        )
        ELSE m
    END;

-- Which of the needles a reject holds first says whose it is.
CREATE OR REPLACE TEMP MACRO raw_mentions(t) AS
    coalesce(regexp_matches(t, getvariable('needles')), false);

CREATE OR REPLACE TEMP MACRO raw_after(t) AS
    CASE
        WHEN raw_mentions(t) THEN getvariable('needle_pseudonyms')[list_position(
            list_transform(getvariable('needle_patterns'), lambda needle: regexp_matches(t, needle)),
            true
        )]
        ELSE t
    END;
