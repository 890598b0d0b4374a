-- No plan can be made: why. A plan that is done stays done.
UPDATE plan
SET status = 'failed', problem = $3, finished_at = now()
WHERE county_code = $1 AND plan_id = $2 AND status <> 'done'
