-- What did the screening say about every declared parcel, and which part of it
-- is usable? One row too many for a number that two datasets have.
SELECT v.direction, v.number, v.township_code, v.verdict, v.exempt,
       v.net_m2, v.net_paddy_m2, (v.quality * 1000)::bigint, v.scores, v.reasons,
       ST_AsBinary(coalesce(v.remainder, c.geom))
FROM verdict v
LEFT JOIN candidate c ON c.county_code = v.county_code AND c.dataset_id = ANY($3)
                     AND c.direction = v.direction AND c.number = v.number
WHERE v.county_code = $1 AND v.run_id = $2
ORDER BY v.direction DESC, v.number COLLATE "C", c.dataset_id
