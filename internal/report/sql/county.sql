-- What is the county called, is it made up, and in which plane does it lie?
SELECT name, synthetic, srid FROM county WHERE county_code = $1
