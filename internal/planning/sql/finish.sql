-- The plan is made: its certificate and summary.
UPDATE plan
SET status = 'done', certificate = $3, summary = $4, problem = NULL, finished_at = now()
WHERE county_code = $1 AND plan_id = $2
