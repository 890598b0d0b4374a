-- Which plan is it, of which county, by which rules?
SELECT c.name, c.synthetic, p.run_id, p.year, p.status, b.id || ' ' || b.version, p.summary
FROM plan p
JOIN county c ON c.county_code = p.county_code
JOIN screening_run r ON r.county_code = p.county_code AND r.run_id = p.run_id
JOIN rulebook b ON b.version = r.rulebook
WHERE p.county_code = $1 AND p.plan_id = $2
