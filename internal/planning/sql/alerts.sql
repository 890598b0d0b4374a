-- Which chosen parcels of plan $2, made from screening $3, does screening $4
-- forbid, leave unknown, no longer know, or find new blocking overlaps on?
WITH blocked AS (
    SELECT f.run_id, f.direction, f.number, array_agg(DISTINCT f.clause ORDER BY f.clause) AS clauses, max(f.overlap_m2) AS m2
    FROM finding f WHERE f.county_code = $1 AND f.run_id IN ($3, $4) AND f.outcome = 'hit' AND f.severity = 'block'
    GROUP BY f.run_id, f.direction, f.number
), standing AS (
    SELECT p.direction, p.number, p.township_code, v.verdict, v.reasons,
           array(SELECT unnest(coalesce(n.clauses, '{}')) EXCEPT SELECT unnest(coalesce(o.clauses, '{}')) ORDER BY 1) AS come,
           coalesce(n.clauses, '{}') AS now_clauses, n.m2, o.m2 AS was_m2
    FROM plan_parcel p
    LEFT JOIN verdict v ON v.county_code = p.county_code AND v.run_id = $4 AND v.direction = p.direction AND v.number = p.number
    LEFT JOIN blocked n ON n.run_id = $4 AND n.direction = p.direction AND n.number = p.number
    LEFT JOIN blocked o ON o.run_id = $3 AND o.direction = p.direction AND o.number = p.number
    WHERE p.county_code = $1 AND p.plan_id = $2 AND p.chosen
)
SELECT direction, number, township_code,
       CASE WHEN verdict IS NULL THEN 'not_declared' WHEN verdict = 'forbidden' THEN 'now_forbidden' WHEN verdict = 'unknown' THEN 'now_unknown' ELSE 'new_conflict' END AS kind,
       verdict, m2::text, CASE WHEN verdict = 'forbidden' THEN now_clauses ELSE come END
FROM standing
WHERE verdict IS NULL OR verdict IN ('forbidden', 'unknown') OR come <> '{}' OR m2 > was_m2
ORDER BY CASE WHEN verdict = 'forbidden' THEN 0 WHEN verdict IS NULL THEN 3 WHEN verdict = 'unknown' THEN 2 ELSE 1 END, direction, number COLLATE "C"
