-- Which candidates of one direction claim the same land? Areas in the county
-- plane are good enough to tell a claim from a sliver.
SELECT a.direction || '/' || a.number, b.direction || '/' || b.number
FROM usable a
JOIN usable b ON a.county_code = b.county_code AND a.direction = b.direction
             AND a.number COLLATE "C" < b.number COLLATE "C" AND a.geom && b.geom
WHERE a.county_code = $1 AND ST_Area(ST_Intersection(a.geom, b.geom)) > $2
ORDER BY a.direction, a.number COLLATE "C", b.number COLLATE "C"
