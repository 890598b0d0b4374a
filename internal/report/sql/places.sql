-- Where about is every township that the run's XZQ layer has?
SELECT l.code, ST_X(ST_Centroid(ST_Collect(l.geom ORDER BY l.fid))), ST_Y(ST_Centroid(ST_Collect(l.geom ORDER BY l.fid)))
FROM layer_feature l
WHERE l.county_code = $1 AND l.kind = 'XZQ' AND l.dataset_id IN (
    SELECT (d->>'dataset_id')::uuid FROM screening_run r, jsonb_array_elements(r.datasets) d
    WHERE r.county_code = l.county_code AND r.run_id = $2 AND d->>'kind' = 'XZQ')
GROUP BY l.code
ORDER BY l.code COLLATE "C"
