package api

import (
	"fmt"
	"slices"

	"gengheng/internal/access"
)

// scope says how a township's actor meets an operation.
type scope int

const (
	// anyCounty: the operation belongs to no county.
	anyCounty scope = iota
	// wholeCounty: only for who acts for the whole county.
	wholeCounty
	// filtered: a township's actor sees its own part; the database hides the
	// rest (row-level security around the whole request).
	filtered
	// own: the handler itself holds a township's actor to what is its own.
	own
)

// rule is who may call an operation. Without roles it is whoever is known.
type rule struct {
	roles []access.Role
	scope scope
}

var (
	everyone = access.Roles()
	// bureaus work the data and the plans
	bureaus = []access.Role{access.Bureau, access.BureauLead}
	// readers see the whole county
	readers = slices.DeleteFunc(access.Roles(), access.Role.OfTownship)
	// declarers bring in files
	declarers = []access.Role{access.TownshipClerk, access.TownshipLead, access.Bureau, access.BureauLead}
)

var (
	// departments review and accept
	departments = []access.Role{access.Bureau, access.BureauLead, access.Agriculture, access.Forestry, access.Water, access.Environment}
	// signers put their names under an inspection
	signers = append([]access.Role{access.TownshipLead}, departments...)
	// contributors file documents
	contributors = append([]access.Role{access.TownshipClerk, access.TownshipLead, access.Government}, departments...)
)

// metricsRoles may see /metrics from elsewhere than this machine. The page is no
// operation of the contract and names no county, parcel or person.
var metricsRoles = []access.Role{access.Admin, access.Auditor}

// policy is the one table of who may do what: each operation of the contract
// has a rule, or the service does not start.
var policy = map[string]rule{
	"listCounties":  {nil, anyCounty},
	"listRulebooks": {nil, anyCounty},
	"getRulebook":   {nil, anyCounty},
	"addRulebook":   {[]access.Role{access.BureauLead, access.Admin}, anyCounty},
	// which rules the country's laws make is no secret of a county
	"getRulebookClauses": {nil, anyCounty},
	"compareRulebooks":   {nil, anyCounty},
	"changeTolerances":   {[]access.Role{access.BureauLead, access.Admin}, wholeCounty},

	"getMe":          {nil, anyCounty},
	"listIdentities": {[]access.Role{access.Admin, access.Auditor}, wholeCounty},
	"addIdentity":    {[]access.Role{access.Admin}, wholeCounty},
	"changeIdentity": {[]access.Role{access.Admin}, wholeCounty},
	"listKeys":       {[]access.Role{access.Admin, access.Auditor}, wholeCounty},
	"addKey":         {[]access.Role{access.Admin}, wholeCounty},
	"revokeKey":      {[]access.Role{access.Admin}, wholeCounty},
	"listAudit":      {[]access.Role{access.Admin, access.Auditor, access.BureauLead, access.Government}, wholeCounty},

	"verifyAudit": {[]access.Role{access.Admin, access.Auditor, access.BureauLead, access.Government}, wholeCounty},

	"getCounty": {everyone, filtered},
	"putCounty": {[]access.Role{access.Admin}, wholeCounty},

	"addUpload": {declarers, own},
	// an upload that is not complete is for whoever began it, and nobody else
	"listResumableUploads": {declarers, own},
	"beginUpload":          {declarers, own},
	"getUploadOffset":      {declarers, own},
	"continueUpload":       {declarers, own},
	"dropUpload":           {declarers, own},

	"addDataset":        {declarers, own},
	"retireDataset":     {declarers, own},
	"listDatasets":      {everyone, filtered},
	"getDataset":        {everyone, filtered},
	"listDatasetIssues": {everyone, filtered},
	"listLayers":        {everyone, filtered},
	"listCandidates":    {everyone, filtered},
	"describeExtent":    {everyone, filtered},
	"getCandidate":      {everyone, filtered},
	"putCandidate":      {declarers, own},
	"changeCandidate":   {declarers, own},
	// it is read in a transaction of its own
	"getDeclarationForm": {everyone, own},

	"addScreening":        {bureaus, wholeCounty},
	"listScreenings":      {everyone, filtered},
	"getScreening":        {everyone, filtered},
	"listVerdicts":        {everyone, filtered},
	"listFindings":        {everyone, filtered},
	"listOverlaps":        {everyone, filtered},
	"getFindingsWorkbook": {everyone, filtered},
	// it is read in a transaction of its own, narrowed to the township
	"getFindingsGeoPackage": {everyone, own},
	"getFindingsLines":      {readers, wholeCounty},

	"listScreeningChanges": {everyone, filtered},
	"listAlerts":           {everyone, filtered},
	// what is judged is the caller's own drawing; it reads the whole county's layers
	"whatIf":     {everyone, own},
	"whatIfFile": {everyone, own},

	"addPlan":         {bureaus, wholeCounty},
	"namePlan":        {bureaus, wholeCounty},
	"listPlans":       {everyone, filtered},
	"getPlan":         {everyone, filtered},
	"listPlanParcels": {everyone, filtered},
	"comparePlans":    {readers, wholeCounty},
	"getPlanArtifact": {readers, wholeCounty},

	"openPlanSession":   {bureaus, wholeCounty},
	"getPlanSession":    {bureaus, wholeCounty},
	"changePlanSession": {bureaus, wholeCounty},
	"closePlanSession":  {bureaus, wholeCounty},
	"savePlanSession":   {bureaus, wholeCounty},
	"explainPlanParcel": {bureaus, wholeCounty},
	"startFrontier":     {bureaus, wholeCounty},
	"getFrontier":       {bureaus, wholeCounty},
	"stopFrontier":      {bureaus, wholeCounty},

	"proposePlan":       {bureaus, wholeCounty},
	"decidePlan":        {[]access.Role{access.Government}, wholeCounty},
	"listPublications":  {readers, wholeCounty},
	"getLedger":         {everyone, own},
	"getReconciliation": {everyone, own},
	"listLedgerEntries": {everyone, own},
	"listLedgerParcels": {everyone, own},
	"listCredits":       {readers, wholeCounty},
	"addCredit":         {bureaus, wholeCounty},
	"cancelCredit":      {[]access.Role{access.Government, access.BureauLead}, wholeCounty},
	"addLedgerTransfer": {[]access.Role{access.Government, access.BureauLead}, wholeCounty},
	"settleOwed":        {[]access.Role{access.Government, access.BureauLead}, wholeCounty},

	"getYear":           {everyone, filtered},
	"putYear":           {[]access.Role{access.BureauLead, access.Admin}, wholeCounty},
	"listRecords":       {everyone, filtered},
	"getRecord":         {everyone, filtered},
	"getRecordDocument": {everyone, filtered},
	// which step is whose, and of which parcels, the workflow's own table says
	"actOnRecords":      {declarers, own},
	"addRecordDocument": {contributors, own},
	"addRecordPhoto":    {contributors, own},
	"addOpinions":       {departments, own},
	"addInspection":     {declarers, own},
	"signInspection":    {signers, own},
	// the township puts right what was found
	"finishRectification": {[]access.Role{access.TownshipClerk, access.TownshipLead}, own},
	"recogniseRecords":    {bureaus, wholeCounty},
	"closeYear":           {[]access.Role{access.BureauLead, access.Government}, wholeCounty},

	"listJobs":  {everyone, filtered},
	"getJob":    {everyone, own}, // it and its stream read in a transaction of their own
	"streamJob": {everyone, own},

	// for desktop GIS, outside the contract: the county's data as layers
	"ogcLanding":     {everyone, filtered},
	"ogcConformance": {everyone, filtered},
	"ogcCollections": {everyone, filtered},
	"ogcCollection":  {everyone, filtered},
	"ogcItems":       {everyone, filtered},
	"ogcFeature":     {everyone, filtered},
	"ogcAPI":         {everyone, filtered},
	"ogcQueryables":  {everyone, filtered},
	"ogcSchema":      {everyone, filtered},
	// the file is made in a transaction of its own, which ends before it is sent
	"ogcDownload": {everyone, own},
	// tiles are read where they are drawn, narrowed to the township; those that are
	// kept hold no connection
	"getTileMatrixSetsList":             {everyone, own},
	"getTileMatrixSet":                  {everyone, own},
	"dataset.vector.getTileSetsList":    {everyone, own},
	"dataset.vector.getTileSet":         {everyone, own},
	"dataset.vector.getTile":            {everyone, own},
	"collection.vector.getTileSetsList": {everyone, own},
	"collection.vector.getTileSet":      {everyone, own},
	"collection.vector.getTile":         {everyone, own},
	"tileStyle":                         {everyone, own},
	"tileLegend":                        {everyone, own},
	"parcelsQML":                        {everyone, own},
	"parcelsSLD":                        {everyone, own},
	"tileJSON":                          {everyone, own},
	"collectionTileJSON":                {everyone, own},
	"xyzTile":                           {everyone, own},
	"collectionXYZTile":                 {everyone, own},
	// a project names the layers; what is in them is read by their own addresses
	"qgisProject": {everyone, filtered},
	// a process is let in as the operation that it is
	"ogcProcesses": {everyone, filtered},
	"ogcProcess":   {everyone, filtered},
	"ogcExecute":   {everyone, own},
	"ogcJobs":      {everyone, own},
	"ogcJob":       {everyone, own},
	"ogcResults":   {everyone, own},
	"ogcDismiss":   {bureaus, wholeCounty},
	// whose a parcel is, is decided as for putCandidate; what is read is narrowed
	// where it is read
	"ogcCreate":         {declarers, own},
	"ogcReplace":        {declarers, own},
	"ogcUpdate":         {declarers, own},
	"ogcDelete":         {declarers, own},
	"ogcItemsOptions":   {everyone, own},
	"ogcFeatureOptions": {everyone, own},

	// the same by Esri's FeatureServer; it reads in a transaction of its own
	"esriCatalogue": {everyone, own},
	"esriService":   {everyone, own},
	"esriLayers":    {everyone, own},
	"esriLayer":     {everyone, own},
	"esriQuery":     {everyone, own},
	"esriAdd":       {declarers, own},
	"esriUpdate":    {declarers, own},
	"esriDelete":    {declarers, own},
	"esriApply":     {declarers, own},
	"esriApplyAll":  {declarers, own},
}

// checkPolicy refuses a contract and a table that do not match; gis are the
// addresses that stand outside the contract.
func (d *document) checkPolicy(gis []string) error {
	ids := map[string]bool{}
	for _, id := range gis {
		if _, ok := policy[id]; !ok {
			return fmt.Errorf("%s has no rule in the policy", id)
		}
		ids[id] = true
	}
	for path, item := range d.spec.Paths.Map() {
		for method, op := range item.Operations() {
			if _, ok := policy[op.OperationID]; !ok {
				return fmt.Errorf("%s %s (%s) has no rule in the policy", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	for id := range policy {
		if !ids[id] {
			return fmt.Errorf("the policy has a rule for %s, which the contract lacks", id)
		}
	}
	return nil
}
