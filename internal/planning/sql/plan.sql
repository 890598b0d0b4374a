-- What is to be planned, and from which screening by which rules?
SELECT p.status, p.options, p.year, p.run_id, r.status, r.rulebook, r.datasets, b.document, c.name, c.synthetic, c.srid
FROM plan p
JOIN screening_run r ON r.county_code = p.county_code AND r.run_id = p.run_id
JOIN county c ON c.county_code = p.county_code
JOIN rulebook b ON b.version = r.rulebook
WHERE p.county_code = $1 AND p.plan_id = $2
