package cql

import (
	"slices"
	"strings"
)

// spatialFunctions maps the standard's spatial functions to PostGIS's.
var spatialFunctions = map[string]string{
	"S_INTERSECTS": "ST_Intersects", "S_EQUALS": "ST_Equals", "S_DISJOINT": "ST_Disjoint", "S_TOUCHES": "ST_Touches",
	"S_WITHIN": "ST_Within", "S_OVERLAPS": "ST_Overlaps", "S_CROSSES": "ST_Crosses", "S_CONTAINS": "ST_Contains",
}

// esriFunctions are those of `where` only.
var esriFunctions = map[string]string{"UPPER": "upper", "LOWER": "lower"}

// function reads a name that is followed by a parenthesis.
func (p *parser) function() (operand, error) {
	t := p.token
	name := strings.ToUpper(t.text)
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	switch {
	case geometryWord(t):
		g, err := p.geometryLiteral()
		return operand{g, t.at}, err
	case spatialFunctions[name] != "":
		return p.spatial(spatialFunctions[name])
	case temporalFunctions[name] != nil:
		return p.temporal(temporalFunctions[name])
	case name == "CASEI":
		return p.textFunction("lower")
	case name == "ACCENTI":
		return p.textFunction("accenti")
	case p.esri && esriFunctions[name] != "":
		return p.textFunction(esriFunctions[name])
	case name == "DATE" || name == "TIMESTAMP":
		return p.instantLiteral()
	case name == "INTERVAL":
		return p.intervalLiteral()
	case strings.HasPrefix(name, "A_"):
		return operand{}, p.fail(t.at, CodeFunction, "没有数组字段，不支持数组函数 "+excerpt(t.text)+"；多个值请用 IN",
			"no field is an array, so the array function "+excerpt(t.text)+" is not offered; use IN for many values")
	}
	known := strings.Join(p.functions(), "、")
	return operand{}, p.fail(t.at, CodeFunction, "不支持函数“"+excerpt(t.text)+"”；可用："+known, "there is no function “"+excerpt(t.text)+"”; there are: "+known)
}

// functions lists what may be called.
func (p *parser) functions() []string {
	names := []string{"CASEI", "ACCENTI", "DATE", "TIMESTAMP", "INTERVAL", "BBOX"}
	for name := range spatialFunctions {
		names = append(names, name)
	}
	for name := range temporalFunctions {
		names = append(names, name)
	}
	if p.esri {
		names = append(names, "UPPER", "LOWER")
	}
	slices.Sort(names)
	return names
}

// arguments reads exactly n arguments in parentheses.
func (p *parser) arguments(n int) ([]operand, error) {
	if err := p.advance(); err != nil { // the name
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var args []operand
	for len(args) < n {
		if len(args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		x, err := p.disjunction()
		if err != nil {
			return nil, err
		}
		args = append(args, x)
	}
	return args, p.expect(")")
}

func (p *parser) textFunction(name string) (operand, error) {
	at := p.token.at
	args, err := p.arguments(1)
	if err != nil {
		return operand{}, err
	}
	return operand{&textFunction{name: name, x: args[0].node}, at}, p.want(args[0], Text)
}

func (p *parser) spatial(name string) (operand, error) {
	at := p.token.at
	args, err := p.arguments(2)
	if err != nil {
		return operand{}, err
	}
	for _, x := range args {
		if x.kind() != Geometry {
			return operand{}, p.fail(x.at, CodeType, "空间函数的参数应为几何字段、WKT（如 POINT(106.5 26.5)）或 BBOX(…)，却是"+kindNames[x.kind()][0],
				"a spatial function takes a geometry field, WKT such as POINT(106.5 26.5), or BBOX(…), found "+kindNames[x.kind()][1])
		}
		if g, ok := x.node.(*geometryLiteral); ok && g.mixed && name != "ST_Intersects" && name != "ST_Disjoint" {
			return operand{}, p.fail(x.at, CodeGeometry, "混有点、线、面的 GEOMETRYCOLLECTION 只能用于 S_INTERSECTS 和 S_DISJOINT",
				"a GEOMETRYCOLLECTION of points, lines and polygons is only taken by S_INTERSECTS and S_DISJOINT")
		}
	}
	return operand{&spatial{name: name, x: args[0].node, y: args[1].node}, at}, nil
}
