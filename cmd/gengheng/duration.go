package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
)

// decodeDuration reads a time as the command line has it: 60s, 5m, 1h30m, or a bare
// number, which is seconds.
func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if seconds, bare := strconv.ParseFloat(text, 64); err != nil && bare == nil && math.Abs(seconds) < math.MaxInt64/1e9 {
		d, err = time.Duration(seconds*1e9), nil
	}
	if err != nil {
		return fmt.Errorf("%q 不是时长，应如 60s、5m（单写一个数为秒） · is no length of time; write 60s or 5m (a bare number is seconds)", text)
	}
	target.SetInt(int64(d))
	return nil
}
