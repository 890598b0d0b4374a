-- Which is the newest finished screening of a year, by which rulebook, and which
-- declarations did it read?
SELECT r.run_id, b.document, ARRAY (SELECT (d->>'dataset_id')::uuid FROM jsonb_array_elements(r.datasets) d)
FROM screening_run r JOIN rulebook b ON b.version = r.rulebook
WHERE r.county_code = $1 AND r.year = $2 AND r.status = 'done'
ORDER BY r.finished_at DESC, r.run_id LIMIT 1
