-- +goose Up
-- 要素编号: the whole number by which programs of Esri's kind know a declared
-- parcel. It belongs to what the parcel is known by (year, direction, number), so
-- that every version of a declaration, and what is judged and planned of the
-- parcel, has the same one. Numbers are given once and never again; they come from
-- one sequence, so that two declarations that are loaded at once wait for nothing.
CREATE SEQUENCE candidate_object_seq AS integer;
CREATE TABLE candidate_object (
    county_code text    NOT NULL REFERENCES county,
    object_id   integer NOT NULL DEFAULT nextval('candidate_object_seq'),
    year        integer NOT NULL,
    direction   text    NOT NULL CHECK (direction IN ('in', 'out')),
    number      text    NOT NULL,
    PRIMARY KEY (county_code, object_id),
    UNIQUE (county_code, year, direction, number)
);
ALTER SEQUENCE candidate_object_seq OWNED BY candidate_object.object_id;
SELECT access_county_rows('candidate_object');

INSERT INTO candidate_object (county_code, year, direction, number)
SELECT DISTINCT c.county_code, d.year, c.direction, c.number
FROM candidate c JOIN dataset d ON d.county_code = c.county_code AND d.dataset_id = c.dataset_id
ORDER BY 1, 2, 3, 4;

-- +goose StatementBegin
CREATE FUNCTION candidate_object_enter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- only what is new takes a number; in one order, so that two never wait for each other
    INSERT INTO candidate_object (county_code, year, direction, number)
    SELECT * FROM (SELECT DISTINCT c.county_code, d.year, c.direction, c.number
        FROM entered c JOIN dataset d ON d.county_code = c.county_code AND d.dataset_id = c.dataset_id
        WHERE NOT EXISTS (SELECT FROM candidate_object o WHERE o.county_code = c.county_code AND o.year = d.year
            AND o.direction = c.direction AND o.number = c.number)
        ORDER BY 1, 2, 3, 4) n
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER candidate_object_enter AFTER INSERT ON candidate REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION candidate_object_enter();
