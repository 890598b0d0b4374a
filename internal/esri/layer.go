package esri

import (
	"context"

	"gengheng/internal/collection"
)

// Names and bounds that every layer has.
const (
	objectID     = "OBJECTID"
	polygonType  = "esriGeometryPolygon"
	queryFormats = "JSON, geoJSON"
	// maxRecords is the most features of one answer.
	maxRecords = 2000
	// longText is the length of a text: no edit may give a longer one.
	longText = collection.LongestText
)

// fieldTypes are the types of fields. There is no boolean among them: yes and no
// are 1 and 0 with a domain that says so.
var fieldTypes = map[collection.Kind]string{collection.Text: "esriFieldTypeString", collection.Integer: "esriFieldTypeInteger",
	collection.Number: "esriFieldTypeDouble", collection.Boolean: "esriFieldTypeSmallInteger", collection.Object: "esriFieldTypeString"}

// expression is a field's value as it is answered.
func expression(f collection.Field) string {
	switch f.Kind {
	case collection.Boolean:
		return "(" + f.SQL + ")::int"
	case collection.Object:
		return "(" + f.SQL + ")::text"
	}
	return f.SQL
}

// fieldsOf are a layer's fields, the whole number first.
func fieldsOf(c *Call, col *collection.Collection) []map[string]any {
	out := []map[string]any{objectField()}
	for _, f := range col.Fields {
		out = append(out, fieldOf(f, col.Editable() && c.Editor))
	}
	return out
}

func objectField() map[string]any {
	return map[string]any{"name": objectID, "type": "esriFieldTypeOID", "alias": objectID, "sqlType": "sqlTypeInteger",
		"nullable": false, "editable": false, "domain": nil, "defaultValue": nil}
}

func fieldOf(f collection.Field, editor bool) map[string]any {
	v := map[string]any{"name": f.Name, "type": fieldTypes[f.Kind], "alias": f.Title, "sqlType": "sqlTypeOther",
		"nullable": !f.Fixed, "editable": editor && f.Writable(), "domain": nil, "defaultValue": nil}
	if v["type"] == "esriFieldTypeString" {
		v["length"] = longText
	}
	if d := domainOf(f); d != nil {
		v["domain"] = d
	}
	return v
}

// describe is a layer as its address shows it.
func (s *Service) describe(ctx context.Context, c *Call, q Querier, e entry) (map[string]any, error) {
	plane, err := planeOf(e.County)
	if err != nil {
		return nil, err
	}
	box, err := s.registry.Extent(ctx, q, e.Collection, c.Scope)
	if err != nil {
		return nil, err
	}
	index := []map[string]any{{"name": "PK", "fields": objectID, "isAscending": true, "isUnique": true, "description": ""}}
	edits := e.Editable() && c.Editor
	look, err := drawing(e.Collection)
	if err != nil {
		return nil, err
	}
	return map[string]any{"currentVersion": version, "id": e.number, "name": e.Title, "type": "Feature Layer", "displayField": displayField(e.Collection),
		"description": e.Text, "copyrightText": credit(e.County), "defaultVisibility": true, "parentLayer": nil, "subLayers": []any{},
		"geometryType": polygonType, "minScale": 0, "maxScale": 0, "extent": extentOf(box, plane), "sourceSpatialReference": plane,
		"objectIdField": objectID, "uniqueIdField": map[string]any{"name": objectID, "isSystemMaintained": true}, "globalIdField": "", "typeIdField": "",
		"fields": fieldsOf(c, e.Collection), "indexes": index, "types": []any{}, "templates": templates(e.Collection, edits), "relationships": []any{},
		"hasAttachments": false, "hasM": false, "hasZ": false, "isDataVersioned": false, "hasStaticData": !e.Editable(),
		"htmlPopupType": "esriServerHTMLPopupTypeAsHTMLText", "maxRecordCount": maxRecords, "standardMaxRecordCount": maxRecords,
		"supportedQueryFormats": queryFormats, "capabilities": capabilities(c, e.Editable()),
		"supportsStatistics": true, "supportsAdvancedQueries": true, "supportsCoordinatesQuantization": true, "supportsRollbackOnFailureParameter": e.Editable(),
		"supportsApplyEditsWithGlobalIds": false, "supportsCalculate": false, "supportsTruncate": false, "supportsAttachmentsByUploadId": false,
		"supportsValidateSql": false, "useStandardizedQueries": true, "advancedQueryCapabilities": advanced(),
		"allowGeometryUpdates": edits, "allowTrueCurvesUpdates": false, "onlyAllowTrueCurveUpdatesByTrueCurveClients": false,
		"editingInfo": nil, "ownershipBasedAccessControlForFeatures": nil, "dateFieldsTimeReference": nil,
		"drawingInfo": look,
	}, nil
}

// advanced says what queries may have; nothing that is not so.
func advanced() map[string]any {
	return map[string]any{"useStandardizedQueries": true, "supportsStatistics": true, "supportsPercentileStatistics": false,
		"supportsOrderBy": true, "supportsDistinct": true, "supportsCountDistinct": true, "supportsPagination": true,
		"supportsPaginationOnAggregatedQueries": true, "supportsReturningQueryExtent": true, "supportsQueryWithDistance": false,
		"supportsReturningGeometryCentroid": false, "supportsReturningGeometryEnvelope": false, "supportsSqlExpression": false,
		"supportsHavingClause": false, "supportsQueryWithResultType": false, "supportsQueryWithHistoricMoment": false,
		"supportsQueryWithDatumTransformation": false, "supportsTrueCurve": false, "supportsQueryAttachments": false,
		"supportsAdvancedQueryRelated": false, "supportsQueryRelatedPagination": false, "supportsFullTextSearch": false,
		"supportsCurrentUserQueries": false, "supportsOutFieldSQLExpression": false}
}

// displayField is what a feature is called by.
func displayField(col *collection.Collection) string {
	for _, name := range []string{collection.NumberField, "number", "XZQMC", "name", "BSM", "clause"} {
		if _, ok := col.Field(name); ok {
			return name
		}
	}
	return objectID
}

// templates is how a new feature begins; without one ArcGIS Pro offers no tool to
// draw it.
func templates(col *collection.Collection, edits bool) []any {
	if !edits {
		return []any{}
	}
	attributes := map[string]any{}
	for _, f := range col.Fields {
		if f.Writable() {
			attributes[f.Name] = nil
		}
	}
	return []any{map[string]any{"name": col.Title, "description": "", "drawingTool": "esriFeatureEditToolPolygon",
		"prototype": map[string]any{"attributes": attributes}}}
}
