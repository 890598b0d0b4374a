-- What does one screening say of each candidate that the other does not, and
-- has plan $4 chosen it?
WITH a AS (SELECT * FROM verdict WHERE county_code = $1 AND run_id = $2),
b AS (SELECT * FROM verdict WHERE county_code = $1 AND run_id = $3),
hits AS (
    SELECT f.run_id, f.direction, f.number, array_agg(DISTINCT f.clause ORDER BY f.clause) AS clauses
    FROM finding f WHERE f.county_code = $1 AND f.run_id IN ($2, $3) AND f.outcome IN ('hit', 'missing') AND f.severity <> 'score'
    GROUP BY f.run_id, f.direction, f.number
), both_runs AS (
    SELECT coalesce(a.direction, b.direction) AS direction, coalesce(a.number, b.number) AS number, coalesce(b.township_code, a.township_code) AS township,
           a.verdict AS was, b.verdict AS is_now, a.usable_m2 AS usable_was, b.usable_m2 AS usable_now, a.net_m2 AS net_was, b.net_m2 AS net_now,
           coalesce(ha.clauses, '{}') AS clauses_was, coalesce(hb.clauses, '{}') AS clauses_now
    FROM a FULL JOIN b ON a.county_code = b.county_code AND a.direction = b.direction AND a.number = b.number
    LEFT JOIN hits ha ON ha.run_id = $2 AND ha.direction = a.direction AND ha.number = a.number
    LEFT JOIN hits hb ON hb.run_id = $3 AND hb.direction = b.direction AND hb.number = b.number
)
SELECT c.direction, c.number, c.township,
       CASE WHEN c.was IS NULL THEN 'added' WHEN c.is_now IS NULL THEN 'removed'
            WHEN c.was LIKE 'eligible%' AND c.is_now NOT LIKE 'eligible%' THEN 'newly_failing'
            WHEN c.was NOT LIKE 'eligible%' AND c.is_now LIKE 'eligible%' THEN 'newly_passing'
            ELSE 'moved' END,
       coalesce(p.chosen, false), c.was, c.is_now, c.usable_was::text, c.usable_now::text, c.net_was::text, c.net_now::text,
       array(SELECT unnest(c.clauses_was) EXCEPT SELECT unnest(c.clauses_now) ORDER BY 1),
       array(SELECT unnest(c.clauses_now) EXCEPT SELECT unnest(c.clauses_was) ORDER BY 1)
FROM both_runs c
LEFT JOIN plan_parcel p ON p.county_code = $1 AND p.plan_id = $4 AND p.direction = c.direction AND p.number = c.number
WHERE c.was IS DISTINCT FROM c.is_now OR c.usable_was IS DISTINCT FROM c.usable_now OR c.net_was IS DISTINCT FROM c.net_now
   OR c.clauses_was <> c.clauses_now
ORDER BY c.direction, c.number COLLATE "C"
