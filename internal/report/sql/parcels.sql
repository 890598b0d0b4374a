-- What does the plan do with every candidate of a direction, and why?
SELECT p.number, p.township_code, coalesce(t.name, ''), coalesce(c.village, ''), coalesce(c.base_dlbm, ''),
       coalesce(c.target_dlbm, ''), coalesce(c.purpose, ''), coalesce(c.method, ''), coalesce(c.actor, ''),
       p.chosen, v.verdict, v.area_m2, v.usable_m2, p.net_m2, p.net_paddy_m2, p.quality::float8,
       coalesce(v.slope_class, ''), p.reason_zh, ST_AsBinary(p.geom)
FROM plan_parcel p
JOIN plan pl ON pl.county_code = p.county_code AND pl.plan_id = p.plan_id
JOIN verdict v ON v.county_code = p.county_code AND v.run_id = pl.run_id
              AND v.direction = p.direction AND v.number = p.number
LEFT JOIN plan_township t ON t.county_code = p.county_code AND t.plan_id = p.plan_id
                         AND t.township_code = p.township_code
LEFT JOIN candidate c ON c.county_code = p.county_code AND c.direction = p.direction AND c.number = p.number
    AND c.dataset_id IN (SELECT (d->>'dataset_id')::uuid FROM screening_run r, jsonb_array_elements(r.datasets) d
                         WHERE r.county_code = p.county_code AND r.run_id = pl.run_id
                           AND d->>'kind' IN ('CANDIDATE_IN', 'CANDIDATE_OUT'))
WHERE p.county_code = $1 AND p.plan_id = $2 AND p.direction = $3
ORDER BY p.township_code COLLATE "C", p.number COLLATE "C"
