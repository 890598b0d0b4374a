package polygon

import "strings"

// Doubt says which certificates an answer failed; zero is a certified answer.
// An answer in doubt must not be used: it has to be computed by something else.
type Doubt uint8

const (
	// InvalidOperand: a polygon crosses itself or has a ring that encloses
	// nothing. Nothing was computed.
	InvalidOperand Doubt = 1 << iota
	// WindingNumber: a point was found to be inside a polygon twice or less than
	// never, so its rings overlap or are nested wrongly.
	WindingNumber
	// Exchanged: with the operands exchanged the area is another.
	Exchanged
	// BrokenWalk: the boundaries do not alternate along the result.
	BrokenWalk
	// GreenSum: the rings found by walking have another area than Green's sum.
	GreenSum
	// OutOfBounds: the area is negative or more than an operand's.
	OutOfBounds
	// BadGeometry: rounded to doubles the result is not valid.
	BadGeometry
)

var doubtNames = [...]string{
	"操作数无效 invalid operand", "环绕数异常 winding number", "互换不一致 operands exchanged", "边界追踪中断 broken walk",
	"格林和不一致 Green sum", "面积越界 area out of bounds", "结果图形无效 result not valid",
}

// Causes names the certificates for programs, beginning with that of bit 0.
var Causes = [...]string{"invalid_operand", "winding_number", "operands_exchanged", "broken_walk", "green_sum", "out_of_bounds", "bad_geometry"}

func (d Doubt) String() string {
	var names []string
	for i, name := range doubtNames {
		if d&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "无 none"
	}
	return strings.Join(names, ", ")
}
