-- What is declared of a parcel now, and what does the newest finished screening
-- say of that very declaration? $4 is the number. The digest covers the boundary
-- and every statement, so that one parcel's change does not touch its neighbours
-- in the same file.
SELECT c.township_code, c.dataset_id, c.purpose, c.actor, workflow_digest(c), run.run_id,
       coalesce(v.verdict, ''), coalesce(v.net_m2, 0), coalesce(v.net_paddy_m2, 0), (v.quality * 1000)::bigint, coalesce(v.exempt, false)
FROM candidate c
JOIN dataset d ON d.county_code = c.county_code AND d.dataset_id = c.dataset_id
LEFT JOIN LATERAL (
    SELECT r.run_id, r.datasets FROM screening_run r
    WHERE r.county_code = $1 AND r.year = $2 AND r.status = 'done'
    ORDER BY r.finished_at DESC, r.run_id LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT newest.run_id WHERE newest.datasets @> jsonb_build_array(jsonb_build_object('dataset_id', c.dataset_id::text))
) run ON true
LEFT JOIN verdict v ON v.county_code = c.county_code AND v.run_id = run.run_id AND v.direction = c.direction AND v.number = c.number
WHERE c.county_code = $1 AND d.year = $2 AND c.direction = $3 AND c.number = $4 AND d.status = 'committed'
  AND NOT EXISTS (SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
                  AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)
ORDER BY d.commit_seq DESC LIMIT 1
