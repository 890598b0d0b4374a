-- What did a run say of a township's parcels of a direction, and what did it find?
SELECT v.number, v.verdict, v.net_m2::text, v.net_paddy_m2::text, coalesce(v.slope_class, ''), v.quality::float8,
       coalesce((SELECT jsonb_agg(jsonb_build_object('clause', f.clause, 'check', f.check_no, 'outcome', f.outcome, 'm2', f.overlap_m2::text) ORDER BY f.seq)
                 FROM finding f WHERE f.county_code = v.county_code AND f.run_id = v.run_id AND f.direction = v.direction
                   AND f.number = v.number AND f.severity <> 'score' AND f.outcome <> 'note'), '[]')
FROM verdict v WHERE v.county_code = $1 AND v.run_id = $2 AND v.direction = $3 AND v.township_code = $4
