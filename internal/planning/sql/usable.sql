-- What is the usable part of every candidate that takes part?
INSERT INTO usable (county_code, direction, number, geom)
SELECT v.county_code, v.direction, v.number, coalesce(v.remainder, c.geom)
FROM unnest($4::text[], $5::text[]) AS t(direction, number)
JOIN verdict v ON v.county_code = $1 AND v.run_id = $2 AND v.direction = t.direction AND v.number = t.number
JOIN candidate c ON c.county_code = v.county_code AND c.dataset_id = ANY($3)
                AND c.direction = v.direction AND c.number = v.number
