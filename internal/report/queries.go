package report

import _ "embed"

var (
	//go:embed sql/head.sql
	sqlHead string
	//go:embed sql/county.sql
	sqlCounty string
	//go:embed sql/townships.sql
	sqlTownships string
	//go:embed sql/parcels.sql
	sqlParcels string
	//go:embed sql/transfers.sql
	sqlTransfers string
	//go:embed sql/findings.sql
	sqlFindings string
	//go:embed sql/places.sql
	sqlPlaces string
)
