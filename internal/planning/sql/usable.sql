-- The usable parts of the candidates that take part, with an index of their own.
CREATE TEMPORARY TABLE usable (
    county_code text NOT NULL, direction text NOT NULL, number text NOT NULL, geom geometry NOT NULL
) ON COMMIT DROP;
INSERT INTO usable
SELECT v.county_code, v.direction, v.number, coalesce(v.remainder, c.geom)
FROM unnest($4::text[], $5::text[]) AS t(direction, number)
JOIN verdict v ON v.county_code = $1 AND v.run_id = $2 AND v.direction = t.direction AND v.number = t.number
JOIN candidate c ON c.county_code = v.county_code AND c.dataset_id = ANY($3)
                AND c.direction = v.direction AND c.number = v.number;
CREATE INDEX ON usable USING gist (geom);
ANALYZE usable
