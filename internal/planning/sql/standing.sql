-- Which plan does a year stand by: the newest approved, else the one proposed,
-- else the newest that is done and feasible?
SELECT p.plan_id, p.run_id
FROM plan p
LEFT JOIN plan_publication u ON u.county_code = p.county_code AND u.plan_id = p.plan_id AND u.status <> 'rejected'
WHERE p.county_code = $1 AND p.year = $2 AND p.status = 'done' AND p.certificate->>'status' IN ('optimal', 'feasible')
ORDER BY CASE u.status WHEN 'approved' THEN 0 WHEN 'proposed' THEN 1 ELSE 2 END, u.number DESC, p.finished_at DESC, p.plan_id
LIMIT 1
