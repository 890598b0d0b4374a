-- Which township covers what for which other?
SELECT x.from_township, f.name, x.to_township, t.name, x.measure, x.amount_m2
FROM plan_transfer x
JOIN plan_township f ON f.county_code = x.county_code AND f.plan_id = x.plan_id AND f.township_code = x.from_township
JOIN plan_township t ON t.county_code = x.county_code AND t.plan_id = x.plan_id AND t.township_code = x.to_township
WHERE x.county_code = $1 AND x.plan_id = $2
ORDER BY array_position(ARRAY['area', 'paddy', 'quality'], x.measure), x.from_township COLLATE "C", x.to_township COLLATE "C"
