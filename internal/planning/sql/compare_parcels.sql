-- Which parcels does one plan choose and the other not, or count differently?
SELECT coalesce(a.direction, b.direction), coalesce(a.number, b.number), coalesce(a.township_code, b.township_code),
       a.chosen, b.chosen, a.net_m2, b.net_m2, coalesce(a.reason_zh, ''), coalesce(b.reason_zh, '')
FROM (SELECT * FROM plan_parcel WHERE county_code = $1 AND plan_id = $2) a
FULL JOIN (SELECT * FROM plan_parcel WHERE county_code = $1 AND plan_id = $3) b
       ON a.county_code = b.county_code AND a.direction = b.direction AND a.number = b.number
WHERE a.chosen IS DISTINCT FROM b.chosen OR (a.chosen AND a.net_m2 IS DISTINCT FROM b.net_m2)
ORDER BY coalesce(a.direction, b.direction), coalesce(a.number, b.number) COLLATE "C"
