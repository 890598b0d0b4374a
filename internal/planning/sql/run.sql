-- From which screening by which rules may plans be made?
SELECT r.status, r.year, r.rulebook, r.datasets, b.document, c.name, c.synthetic, c.srid
FROM screening_run r
JOIN county c ON c.county_code = r.county_code
JOIN rulebook b ON b.version = r.rulebook
WHERE r.county_code = $1 AND r.run_id = $2
