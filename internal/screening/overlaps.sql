-- Where do the features of one dataset lie inside each subject? Touching alone
-- gives no polygon and no row. OFFSET 0 keeps the intersection from being
-- computed twice.
SELECT s.idx, f.fid, 0 AS no, x.wkb
FROM subject s
JOIN {{layer}} f ON f.county_code = $1 AND f.dataset_id = $2
    AND f.geom && s.geom AND ST_MemSize(f.geom) <= $3 AND ST_Intersects(s.geom, f.geom)
CROSS JOIN LATERAL (
    SELECT ST_AsBinary(ST_CollectionExtract(ST_Intersection(s.geom, f.geom), 3)) AS wkb OFFSET 0) x
WHERE s.idx >= $4 AND s.idx < $5 AND octet_length(x.wkb) > 9
UNION ALL
SELECT s.idx, p.fid, p.no, x.wkb
FROM subject s
JOIN piece p ON p.geom && s.geom AND ST_Intersects(s.geom, p.geom)
CROSS JOIN LATERAL (
    SELECT ST_AsBinary(ST_CollectionExtract(ST_Intersection(s.geom, p.geom), 3)) AS wkb OFFSET 0) x
WHERE s.idx >= $4 AND s.idx < $5 AND octet_length(x.wkb) > 9
