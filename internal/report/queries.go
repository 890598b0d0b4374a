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
	//go:embed sql/form_rows.sql
	sqlFormRows string
	//go:embed sql/form_patches.sql
	sqlFormPatches string
	//go:embed sql/form_run.sql
	sqlFormRun string
	//go:embed sql/form_verdicts.sql
	sqlFormVerdicts string
	//go:embed sql/form_township.sql
	sqlFormTownship string
)
