-- Which parts of the big features near a subject are there to compare? A
-- feature is cut only to be found and read faster: the pieces do not overlap.
INSERT INTO piece (fid, geom)
SELECT f.fid, ST_Subdivide(f.geom, $4)
FROM {{layer}} f
WHERE f.county_code = $1 AND f.dataset_id = $2 AND ST_MemSize(f.geom) > $3
  AND EXISTS (SELECT FROM subject s WHERE s.geom && f.geom)
ORDER BY f.fid
